package cluster

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"time"
)

// The other side of parts_take.go: a part is sent when the one before has arrived, and
// again when that is not heard of.
const (
	// resendTime is how long it takes until a part is sent again, doubled each time up to
	// maxResendTime; refusedTime, when the bus has not taken it.
	resendTime    = 2 * time.Second
	maxResendTime = 8 * time.Second
	refusedTime   = 100 * time.Millisecond
	// abandonTime is after how long without a word of the node that has asked the rest
	// of an answer is dropped; sooner, if others wait: see giveWay.
	abandonTime = time.Minute
	// maxPaged is how many descriptions of all sockets are under way at once.
	maxPaged = 32
)

// outflow is an answer that goes to one node in parts. Its lock is held when that of
// outflows is taken, and that of the describers; and inside that of asked.
type outflow struct {
	node        *Node
	id          string // Part.Stream
	to, request string

	mu      sync.Mutex
	isPaged bool                               // it describes sockets
	pages   func() (records []byte, more bool) // describes what comes next; nil when nothing does
	paging  bool                               // a describer is at it
	buf     []byte                             // that was not sent
	ended   bool                               // nothing is added to buf any more
	limit   int                                // of the part that is wanted; 0 when none is
	number  int                                // of that part, or of the one that was sent
	sent    *Part                              // that has not arrived, as far as is known
	again   time.Duration                      // after which it is sent once more
	heard   time.Time                          // when something has arrived
	waiting int                                // bytes that count in outflows.held
	timer   *time.Timer                        // for tick; nil before the first part
	over    bool
}

// outflows are the answers that go out in parts, by their ids.
type outflows struct {
	mu      sync.Mutex
	flows   map[string]*outflow
	paged   int            // of them, descriptions of sockets
	pagedTo map[string]int // by the UID of the node that has asked
	waiting []*Message     // requests for such ones that wait for their turn
	held    int            // bytes of other answers
	closed  bool
}

// outflow begins an answer to the node that has sent m; nil when there are too many, or
// at the end. Nothing is sent before the first put or run.
func (n *Node) outflow(m *Message) *outflow {
	f := &outflow{node: n, to: m.UID, request: m.RequestID, limit: n.fits(max(m.Parts, minFirst)), heard: time.Now(), again: resendTime}
	o := &n.outflows
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || len(o.flows) >= n.cfg.MaxRequests {
		return nil
	}
	f.id = n.cfg.UID()
	if _, taken := o.flows[f.id]; taken {
		return nil
	}
	o.flows[f.id] = f
	return f
}

// holdOut makes room for as many bytes of answers that wait for other nodes. It reports
// false, and counts, when there is none.
func (n *Node) holdOut(size int) bool {
	o := &n.outflows
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || o.held+size > n.cfg.MaxAnswerBytes {
		n.counts.dropped.Add(1)
		return false
	}
	o.held += size
	return true
}

func (n *Node) releaseOut(size int) {
	o := &n.outflows
	o.mu.Lock()
	defer o.mu.Unlock()
	o.held -= size
}

// page begins an answer that pages describes: at once, or, when m has to wait for
// others, not at all; m is then dealt with later. turn says that m has waited, and its
// turn is taken; it belongs to the answer afterwards.
func (n *Node) page(m *Message, records []byte, pages func() (records []byte, more bool), turn *bool) {
	if !*turn && !n.takeTurn(m) {
		n.giveWay()
		return
	}
	*turn = false
	f := n.outflow(m)
	if f == nil {
		n.counts.dropped.Add(1)
		n.paged(m.UID)
		return
	}
	f.mu.Lock()
	f.buf, f.isPaged, f.pages, f.paging = records, true, pages, true
	ended := f.over // by close: it was no description then
	f.mu.Unlock()
	if ended {
		n.paged(m.UID)
		return
	}
	f.run()
}

// takeTurn reports whether a description of sockets may begin. Else m waits.
func (n *Node) takeTurn(m *Message) bool {
	o := &n.outflows
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.paged < maxPaged:
		o.paged++
		o.pagedTo[m.UID]++
		return true
	case len(o.waiting) < n.cfg.MaxQueued && !o.closed:
		o.waiting = append(o.waiting, m)
	default:
		n.counts.dropped.Add(1)
	}
	return false
}

// giveWay ends descriptions for nodes that are silent for longer than a request of this
// node would wait: they may be gone, and others wait for their turn.
func (n *Node) giveWay() {
	o := &n.outflows
	o.mu.Lock()
	list := slices.Collect(maps.Values(o.flows))
	o.mu.Unlock()
	for _, f := range list {
		f.mu.Lock()
		if f.isPaged && !f.over && time.Since(f.heard) >= 2*n.cfg.RequestTimeout {
			n.counts.dropped.Add(1)
			f.finishLocked()
		}
		f.mu.Unlock()
	}
}

// paged notes that a description of sockets for a node has ended, and begins the next
// one.
func (n *Node) paged(uid string) {
	o := &n.outflows
	o.mu.Lock()
	defer o.mu.Unlock()
	o.paged--
	if o.pagedTo[uid]--; o.pagedTo[uid] == 0 {
		delete(o.pagedTo, uid)
	}
	n.beginWaitingLocked()
}

// beginWaiting begins a description that waits for its turn, if that has come: for the
// node for which the fewest are under way. Each describer calls it at its end: before,
// too many may have waited for one.
func (n *Node) beginWaiting() {
	n.outflows.mu.Lock()
	defer n.outflows.mu.Unlock()
	n.beginWaitingLocked()
}

func (n *Node) beginWaitingLocked() {
	o := &n.outflows
	if len(o.waiting) == 0 || o.paged >= maxPaged || o.closed {
		return
	}
	next := 0
	for i, m := range o.waiting {
		if o.pagedTo[m.UID] < o.pagedTo[o.waiting[next].UID] {
			next = i
		}
	}
	m := o.waiting[next]
	if !n.describers.do(func() { n.describeOne(m, true) }) {
		return
	}
	o.paged++
	o.pagedTo[m.UID]++
	if o.waiting = slices.Delete(o.waiting, next, next+1); len(o.waiting) == 0 {
		o.waiting = nil // lets go of the array
	}
}

// put adds records for which holdOut has made room, and returns the part that is to be
// sent, or nil. last says that nothing follows.
func (f *outflow) put(records []byte, last bool) *Message {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.over {
		f.node.releaseOut(len(records))
		return nil
	}
	f.waiting += len(records)
	f.buf, f.ended = append(f.buf, records...), f.ended || last
	return f.cutLocked()
}

// run, on a describer, describes as much as is wanted and sends it.
func (f *outflow) run() {
	done := false
	defer func() {
		if !done { // a panic, or the end of the goroutine
			f.finish()
		}
	}()
	for f.hungry() {
		records, more := f.pages()
		f.mu.Lock()
		f.buf = append(f.buf, records...)
		if !more {
			f.pages, f.ended = nil, true
		}
		f.mu.Unlock()
	}
	f.mu.Lock()
	f.paging = false
	m := f.cutLocked()
	f.mu.Unlock()
	done = true
	f.send(m)
}

// hungry reports whether more is to be described.
func (f *outflow) hungry() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.over && f.pages != nil && len(f.buf) <= f.limit
}

// pageLocked has a describer go on; when all are busy, soon.
func (f *outflow) pageLocked() {
	if f.paging || f.pages == nil {
		return
	}
	f.paging = f.node.describers.do(f.run)
	if !f.paging {
		f.tickLocked(refusedTime)
	}
}

// cutLocked takes the next part, if it is wanted and there is one, else nil.
func (f *outflow) cutLocked() *Message {
	if f.over || f.limit == 0 || len(f.buf) == 0 && !f.ended {
		return nil
	}
	n := min(len(f.buf), f.limit)
	f.sent = &Part{Stream: f.id, Number: f.number, Bytes: f.buf[:n:n], Last: f.ended && n == len(f.buf)}
	f.buf, f.limit = f.buf[n:], 0
	f.again = resendTime
	f.tickLocked(f.again)
	return f.messageLocked()
}

func (f *outflow) messageLocked() *Message {
	return &Message{Type: AnswerPart, To: f.to, RequestID: f.request, Part: f.sent}
}

// tickLocked has tick called after d.
func (f *outflow) tickLocked(d time.Duration) {
	if f.timer == nil {
		f.timer = time.AfterFunc(d, f.tick)
	} else {
		f.timer.Reset(d)
	}
}

// send publishes a part; nil is none. What the bus does not take is soon sent again.
func (f *outflow) send(m *Message) {
	if m == nil {
		return
	}
	err := f.node.publish(m)
	if err == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.over || f.sent != m.Part:
	case errors.Is(err, ErrUnencodable), errors.Is(err, ErrClosed):
		f.finishLocked()
	default:
		f.tickLocked(refusedTime)
	}
}

// tick sends a part again, has one described, or gives up.
func (f *outflow) tick() {
	defer f.node.recovered()
	f.mu.Lock()
	var m *Message
	switch {
	case f.over:
	case time.Since(f.heard) >= abandonTime:
		f.node.counts.dropped.Add(1)
		f.finishLocked()
	case f.sent != nil:
		f.again = min(2*f.again, maxResendTime)
		f.tickLocked(f.again)
		m = f.messageLocked()
		f.node.counts.resent.Add(1)
	default:
		f.pageLocked()
	}
	f.mu.Unlock()
	f.send(m)
}

// next takes what the node that has asked says about an answer.
func (o *outflows) next(n *Node, m *Message) {
	o.mu.Lock()
	f := o.flows[m.RequestID]
	o.mu.Unlock()
	if m.Part == nil {
		n.counts.invalid.Add(1)
		return
	}
	if f == nil || f.to != m.UID || !f.confirmed(m.Part) {
		n.counts.unknown.Add(1)
	}
}

// confirmed takes the news that a part has arrived, and sends the next one. It is false
// when that is no news.
func (f *outflow) confirmed(p *Part) bool {
	f.mu.Lock()
	switch {
	case p.Stop:
		f.finishLocked()
		f.mu.Unlock()
		return true
	case f.over, f.sent == nil, p.Number != f.number+1:
		f.mu.Unlock()
		return false
	}
	f.heard = time.Now()
	f.releaseLocked(len(f.sent.Bytes))
	last := f.sent.Last
	f.sent, f.number, f.limit = nil, f.number+1, f.node.fits(max(p.Limit, minFirst))
	if last {
		f.finishLocked()
	}
	f.pageLocked()
	var next *Message
	if !f.paging {
		next = f.cutLocked()
	}
	f.mu.Unlock()
	f.send(next)
	return true
}

func (f *outflow) finish() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.finishLocked()
}

// finishLocked ends the flow.
func (f *outflow) finishLocked() {
	if f.over {
		return
	}
	f.over, f.buf, f.sent = true, nil, nil
	if f.timer != nil {
		f.timer.Stop()
	}
	f.releaseLocked(f.waiting)
	f.node.outflows.forget(f.id)
	if f.isPaged {
		f.node.paged(f.to)
	}
}

// releaseLocked gives back room.
func (f *outflow) releaseLocked(size int) {
	size = min(size, f.waiting)
	f.waiting -= size
	f.node.releaseOut(size)
}

func (o *outflows) forget(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.flows, id)
}

func (o *outflows) len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.flows)
}

// queued is how many requests wait for their turn.
func (o *outflows) queued() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.waiting)
}

// close ends all, and drops what waits; it returns how much that is.
func (o *outflows) close() (dropped int) {
	o.mu.Lock()
	o.closed = true
	dropped, o.waiting = len(o.waiting), nil
	list := slices.Collect(maps.Values(o.flows))
	o.mu.Unlock()
	for _, f := range list {
		f.finish()
	}
	return dropped
}
