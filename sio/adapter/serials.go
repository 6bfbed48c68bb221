package adapter

import "github.com/sioserver/sioserver/sio/internal/fifo"

// serials is a queue whose items can be changed in place: push gives each one a
// serial, by which at finds it until it is popped.
type serials[T any] struct {
	fifo.Queue[T]
	first uint32 // the serial of the oldest item
}

func (q *serials[T]) at(serial uint32) *T { return &q.Items()[int(serial-q.first)] }

func (q *serials[T]) push(v T) (serial uint32) {
	q.Push(v)
	return q.first + uint32(q.Len()) - 1
}

func (q *serials[T]) pop() T {
	q.first++
	return q.Pop()
}
