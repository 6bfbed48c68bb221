package loop

const (
	// spareOutboxes bounds the outboxes that a loop keeps for reuse, about
	// 100 B each.
	spareOutboxes = 4096
	// outboxKeep is the largest frame list that a spare outbox keeps.
	outboxKeep = 64
)

// outbox holds queued frames when there are several, or when the kernel has
// taken a part of the only one. A connection takes an outbox from its loop and
// puts it back when it is empty. Loop-owned.
type outbox struct {
	frames []*Frame // frames[head:] are queued
	head   int
	sent   int    // bytes of frames[head] that the kernel has taken
	queued int    // bytes of all frames that the kernel has not taken
	groups int    // messages that may be dropped, or partly sent ones of them
	notice uint32 // the pending writability notice, when blocked

	refused bool  // the kernel has not taken all that it was offered
	taken   int   // bytes that the kernel has taken since takeOutbox
	took    int64 // when it last took some, or when takeOutbox was called
	counted int   // what the loop counts of it: see Conn.account

	first [4]*Frame
}

func (o *outbox) push(f *Frame) {
	if o.head > 0 && len(o.frames) == cap(o.frames) && o.head >= len(o.frames)/2 {
		n := copy(o.frames, o.frames[o.head:])
		clear(o.frames[n:])
		o.frames, o.head = o.frames[:n], 0
	}
	o.frames = append(o.frames, f)
	o.queued += len(f.payload())
	if f.Group > 0 {
		o.groups++
	}
}

// weight is what the frames count against Config.MaxQueued.
func (o *outbox) weight() int { return o.queued + (len(o.frames)-o.head)*frameCost }

// canShed reports whether there is a message that shed may drop.
func (o *outbox) canShed(begun bool) bool {
	if (begun || o.sent > 0) && o.frames[o.head].Group > 0 {
		return o.groups > 1
	}
	return o.groups > 0
}

// shed drops messages that may be dropped, the oldest first, until their weight
// is at least want, and returns their number. A message stays if the kernel has
// taken a part of it, and the first one does if begun is set.
func (o *outbox) shed(want int, begun bool) (dropped int) {
	kept, rest := o.frames[:o.head], o.frames[o.head:]
	if begun || o.sent > 0 {
		kept, rest = append(kept, rest[0]), rest[1:]
	}
	for len(rest) > 0 {
		n := int(rest[0].Group)
		if n == 0 || n > len(rest) || want <= 0 {
			kept, rest = append(kept, rest[0]), rest[1:]
			continue
		}
		for _, f := range rest[:n] {
			size := len(f.payload())
			o.queued -= size
			want -= size + frameCost
			f.Release()
		}
		o.groups--
		dropped++
		rest = rest[n:]
	}
	clear(o.frames[len(kept):])
	o.frames = kept
	return dropped
}

// advance removes n bytes that the kernel has taken and releases the frames of
// which nothing is left.
func (o *outbox) advance(n int) {
	o.queued -= n
	o.taken += n
	n += o.sent
	for o.head < len(o.frames) {
		f := o.frames[o.head]
		size := len(f.payload())
		if n < size {
			break
		}
		n -= size
		if f.Group > 0 {
			o.groups--
		}
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
	o.frames, o.head, o.sent, o.queued, o.groups = o.frames[:0], 0, 0, 0, 0
	o.refused, o.taken = false, 0
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

// putOutbox releases what is still in the outbox and keeps it for reuse.
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
