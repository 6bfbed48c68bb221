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
	// answer takes a response. It reports false when it waits for no such one.
	answer(m *Message) bool
	// part takes a piece of an answer, and returns what is said to its sender, but for
	// Stream.
	part(m *Message) (v verdict, reply Part)
	// lose is told that a node is gone.
	lose(uid string)
	// end gives up what has not come.
	end(err error)
}

// requests are the pending ones, by their ids. Its lock is taken inside that of a
// request.
type requests struct {
	held atomic.Int64 // about how many bytes of answers

	mu      sync.Mutex
	pending map[string]pending
	closed  bool
}

// register makes p known by an id.
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
	return "", ErrTooManyRequests // so many that there is no id left for it
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

// lose tells all that a node is gone.
func (r *requests) lose(uid string) {
	for _, p := range r.all() {
		p.lose(uid)
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

// answerCost is about what is kept of an answer besides its contents.
const answerCost = 128

// hold makes room for as many bytes of answers. It reports false when there is none.
func (n *Node) hold(size int64) bool {
	if n.requests.held.Add(size) <= int64(n.cfg.MaxAnswerBytes) {
		return true
	}
	n.requests.held.Add(-size)
	n.counts.dropped.Add(1)
	return false
}

// sizeOf is about how many bytes are kept of an answer.
func sizeOf(m *Message) int64 {
	size := answerCost + int64(len(m.UID)) + answerSize(m.Answer)
	for i := range m.Sockets {
		d := &m.Sockets[i]
		size += costOf(d) + int64(len(d.Handshake)+len(d.Data))
	}
	return size
}

// costOf is what a description costs besides the JSON in it.
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
