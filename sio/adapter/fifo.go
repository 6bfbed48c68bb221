package adapter

// fifo is a queue whose items can be changed in place: push gives each one a
// serial, by which at finds it until it is popped.
type fifo[T any] struct {
	buf   []T
	head  int
	first uint32 // the serial of buf[head]
}

func (q *fifo[T]) len() int { return len(q.buf) - q.head }

func (q *fifo[T]) items() []T { return q.buf[q.head:] }

func (q *fifo[T]) at(serial uint32) *T { return &q.buf[q.head+int(serial-q.first)] }

func (q *fifo[T]) push(v T) (serial uint32) {
	if len(q.buf) == cap(q.buf) && q.head > len(q.buf)/2 {
		n := copy(q.buf, q.buf[q.head:])
		clear(q.buf[n:])
		q.buf, q.head = q.buf[:n], 0
	}
	q.buf = append(q.buf, v)
	return q.first + uint32(q.len()) - 1
}

// keepCapacity is how many items an empty fifo may hold room for.
const keepCapacity = 256

func (q *fifo[T]) pop() T {
	var zero T
	v := q.buf[q.head]
	q.buf[q.head] = zero
	q.head++
	q.first++
	if q.head == len(q.buf) {
		q.head = 0
		if q.buf = q.buf[:0]; cap(q.buf) > keepCapacity {
			q.buf = nil
		}
	}
	return v
}
