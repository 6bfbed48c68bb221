// Package fifo is a queue in a slice, for what is guarded by a lock of its
// owner's.
package fifo

// Queue is a first-in, first-out queue. Its zero value is empty and ready. It
// is not safe for concurrent use.
type Queue[T any] struct {
	buf  []T
	head int
}

// keepCapacity is how many items an empty queue may hold room for.
const keepCapacity = 256

// Len is the number of items.
func (q *Queue[T]) Len() int { return len(q.buf) - q.head }

// Items returns the items, the oldest first. They may be changed in place until
// the queue is.
func (q *Queue[T]) Items() []T { return q.buf[q.head:] }

// Push adds v.
func (q *Queue[T]) Push(v T) {
	if len(q.buf) == cap(q.buf) && q.head > len(q.buf)/2 {
		n := copy(q.buf, q.buf[q.head:])
		clear(q.buf[n:])
		q.buf, q.head = q.buf[:n], 0
	}
	q.buf = append(q.buf, v)
}

// Pop removes and returns the oldest item. The queue must not be empty.
func (q *Queue[T]) Pop() T {
	var zero T
	v := q.buf[q.head]
	q.buf[q.head] = zero
	q.head++
	if q.head == len(q.buf) {
		q.reset()
	}
	return v
}

// Filter keeps the items for which keep reports true, in their order.
func (q *Queue[T]) Filter(keep func(T) bool) {
	kept := q.buf[:q.head]
	for _, v := range q.buf[q.head:] {
		if keep(v) {
			kept = append(kept, v)
		}
	}
	clear(q.buf[len(kept):])
	if q.buf = kept; q.head == len(q.buf) {
		q.reset()
	}
}

func (q *Queue[T]) reset() {
	q.head = 0
	if q.buf = q.buf[:0]; cap(q.buf) > keepCapacity {
		q.buf = nil
	}
}
