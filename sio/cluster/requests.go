package cluster

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/sioserver/sioserver/sio/adapter"
)

// pending is a request of this node that waits for answers. Safe for concurrent
// use. Its methods take its lock, and are called with no lock held.
type pending interface {
	// answer takes a response. It reports false if the request does not wait
	// for it.
	answer(m *Message) bool
	// part takes a part of an answer. It returns the reply to its sender,
	// without Stream.
	part(m *Message) (v verdict, reply Part)
	// nodeGone notes that a node has left or is dead.
	nodeGone(uid string)
	// end ends the request with what has arrived.
	end(err error)
}

// requests holds the pending requests by id. Its lock is taken inside that of a
// request.
type requests struct {
	held atomic.Int64 // bytes of answers, approximately

	mu      sync.Mutex
	pending map[string]pending
	closed  bool
}

// register adds p and returns its new id.
func (n *Node) register(p pending) (id string, err error) {
	r := &n.requests
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return "", ErrClosed
	}
	if len(r.pending) >= n.cfg.MaxRequests {
		return "", ErrTooManyRequests
	}
	for range 8 {
		id = n.cfg.UID()
		if _, taken := r.pending[id]; !taken {
			r.pending[id] = p
			return id, nil
		}
	}
	return "", ErrTooManyRequests // UID makes no new id
}

func (r *requests) forget(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.pending, id)
}

func (r *requests) find(id string) pending {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pending[id]
}

func (r *requests) len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.pending)
}

func (r *requests) all() []pending {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]pending, 0, len(r.pending))
	for _, p := range r.pending {
		list = append(list, p)
	}
	return list
}

// nodeGone calls nodeGone of all requests.
func (r *requests) nodeGone(uid string) {
	for _, p := range r.all() {
		p.nodeGone(uid)
	}
}

func (r *requests) close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	for _, p := range r.all() {
		p.end(ErrClosed)
	}
}

// answerCost is about how many bytes an answer takes besides its contents.
const answerCost = 128

// hold reserves memory for answers. It reports false, and counts, if none is
// left.
func (n *Node) hold(size int64) bool {
	if n.requests.held.Add(size) <= int64(n.cfg.MaxAnswerBytes) {
		return true
	}
	n.requests.held.Add(-size)
	n.counts.dropped.Add(1)
	return false
}

// sizeOf returns about how many bytes an answer takes.
func sizeOf(m *Message) int64 {
	size := answerCost + int64(len(m.UID)) + answerSize(m.Answer)
	for i := range m.Sockets {
		d := &m.Sockets[i]
		size += costOf(d) + int64(len(d.Handshake)+len(d.Data))
	}
	return size
}

// costOf returns how many bytes a description takes besides its JSON.
func costOf(d *adapter.Details) int64 {
	size := int64(unsafe.Sizeof(*d)) + int64(len(d.ID))
	for _, room := range d.Rooms {
		size += int64(unsafe.Sizeof(room)) + int64(len(room))
	}
	return size
}

func answerSize(a adapter.Answer) int64 {
	size := len(a.Data)
	for _, b := range a.Attachments {
		size += answerCost + len(b)
	}
	return int64(size)
}

// responders holds the nodes that must answer a request, and those that have.
// With a [Counter] only their number is known; with heartbeats their UIDs are.
// Guarded by the lock of its request.
type responders struct {
	expected int                 // number of nodes that must answer; -1 while it is not known
	missing  map[string]struct{} // UIDs of those that have not; nil with a Counter
	heard    map[string]struct{} // UIDs of those that have
	begun    map[string]struct{} // UIDs of those whose answers have arrived in part
	unnamed  int                 // answers without a UID
}

// expectAnswers returns the responders for nodes with these UIDs.
func expectAnswers(uids map[string]struct{}) responders {
	return responders{expected: len(uids), missing: uids}
}

// wants reports whether an answer of uid counts: the node has not answered yet.
// A node that was not known may answer too, but does not replace another one.
func (r *responders) wants(uid string) bool {
	if _, again := r.heard[uid]; again {
		return false
	}
	_, begun := r.begun[uid]
	switch {
	case r.expected < 0, begun:
		return true
	case r.missing == nil:
		return r.received()+len(r.begun) < r.expected
	case uid == "":
		return r.unnamed < len(r.missing)
	}
	return true
}

// begin notes that a part of a node's answer has arrived. quit withdraws that.
func (r *responders) begin(uid string) {
	if r.begun == nil {
		r.begun = make(map[string]struct{})
	}
	r.begun[uid] = struct{}{}
}

func (r *responders) quit(uid string) { delete(r.begun, uid) }

// add notes an answer that wants has accepted. It reports whether it was
// expected.
func (r *responders) add(uid string) (expected bool) {
	if uid == "" {
		r.unnamed++
		return r.expected >= 0
	}
	if r.heard == nil {
		r.heard = make(map[string]struct{})
	}
	r.heard[uid] = struct{}{}
	if r.missing == nil {
		return r.expected >= 0
	}
	_, expected = r.missing[uid]
	delete(r.missing, uid)
	if !expected {
		r.expected++
	}
	return expected
}

// remove notes that a node will not answer. It reports whether it was expected
// to.
func (r *responders) remove(uid string) bool {
	if _, expected := r.missing[uid]; !expected {
		return false
	}
	delete(r.missing, uid)
	r.expected--
	return true
}

func (r *responders) received() int { return len(r.heard) + r.unnamed }

// left returns how many nodes have not answered, as far as is known.
func (r *responders) left() int { return max(r.expected-r.received(), 0) }

// complete reports whether all nodes have answered.
func (r *responders) complete() bool { return r.expected >= 0 && r.left() == 0 }
