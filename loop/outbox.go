package loop

const (
	// spareOutboxes bounds the outboxes a loop keeps for reuse, about 100 B
	// each.
	spareOutboxes = 4096
	// outboxKeep is the largest frame list that is kept with a spare outbox.
	outboxKeep = 64
)

// outbox holds the frames that a connection could not send at once: more than
// one in a burst, or what the kernel refused. A connection borrows it from its
// loop and gives it back when it is empty. Loop-owned.
type outbox struct {
	frames []*Frame // frames[head:] are queued
	head   int
	sent   int    // bytes of frames[head] that the kernel has
	queued int    // bytes in all frames that the kernel has not
	notice uint32 // the pending writability notice, when blocked
	first  [4]*Frame
}

func (o *outbox) push(f *Frame) {
	if o.head > 0 && len(o.frames) == cap(o.frames) && o.head >= len(o.frames)/2 {
		n := copy(o.frames, o.frames[o.head:])
		clear(o.frames[n:])
		o.frames, o.head = o.frames[:n], 0
	}
	o.frames = append(o.frames, f)
	o.queued += len(f.payload())
}

// advance forgets n bytes that the kernel took and releases finished frames.
func (o *outbox) advance(n int) {
	o.queued -= n
	n += o.sent
	for o.head < len(o.frames) {
		f := o.frames[o.head]
		size := len(f.payload())
		if n < size {
			break
		}
		n -= size
		o.frames[o.head] = nil
		o.head++
		f.Release()
	}
	o.sent = n
}

func (o *outbox) clear() {
	for _, f := range o.frames[o.head:] {
		f.Release()
	}
	clear(o.frames)
	o.frames, o.head, o.sent, o.queued = o.frames[:0], 0, 0, 0
}

func (l *Loop) takeOutbox() *outbox {
	if n := len(l.spare); n > 0 {
		o := l.spare[n-1]
		l.spare[n-1] = nil
		l.spare = l.spare[:n-1]
		return o
	}
	o := new(outbox)
	o.frames = o.first[:0]
	return o
}

// putOutbox takes back an outbox, releasing what is still in it.
func (l *Loop) putOutbox(o *outbox) {
	o.clear()
	if len(l.spare) >= spareOutboxes {
		return
	}
	if cap(o.frames) > outboxKeep {
		o.frames = o.first[:0]
	}
	l.spare = append(l.spare, o)
}
