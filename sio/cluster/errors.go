package cluster

import (
	"errors"
	"fmt"

	"github.com/sioserver/sioserver/sio/adapter"
)

var (
	// ErrTimeout is returned when a deadline, [Config].RequestTimeout or
	// AckTimeout has passed. It is also context.DeadlineExceeded and
	// sio.ErrTimeout.
	ErrTimeout = adapter.ErrTimeout
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("cluster: node closed")
	// ErrTooManyRequests is returned if [Config].MaxRequests requests wait for
	// answers.
	ErrTooManyRequests = errors.New("cluster: too many requests are pending")
	// ErrAnswersTooLarge is returned if the answers need more than
	// [Config].MaxAnswerBytes.
	ErrAnswersTooLarge = errors.New("cluster: the answers are larger than MaxAnswerBytes")
	// ErrUnencodable is returned for a message that can't be encoded because of
	// its arguments. A [Bus] wraps it with the reason, as the functions of
	// package wire do.
	ErrUnencodable = errors.New("cluster: message can't be encoded")
	// ErrOverloaded is returned if too much waits to be sent. The caller may
	// try again later. A [Bus] wraps it.
	ErrOverloaded = adapter.ErrOverloaded
	// ErrTooLarge is returned for a message that is larger than the bus
	// carries, see [Sizer]. A [Bus] that returns it wraps [ErrUnencodable],
	// too.
	ErrTooLarge = adapter.ErrTooLarge
)

// ResponseError is returned by a request that not all nodes have answered.
type ResponseError struct {
	Received, Expected int
	// Err is [ErrTimeout], the error or cause of the context, [ErrClosed],
	// [ErrAnswersTooLarge], or the error of the bus; and the error of a
	// [Watcher].
	Err error
}

func (e *ResponseError) Error() string {
	return fmt.Sprintf("%v: only %d responses received out of %d", e.Err, e.Received, e.Expected)
}

// Responses implements [adapter.Incomplete].
func (e *ResponseError) Responses() (received, expected int) { return e.Received, e.Expected }

// Unwrap returns Err.
func (e *ResponseError) Unwrap() error { return e.Err }

var _ adapter.Incomplete = (*ResponseError)(nil)
