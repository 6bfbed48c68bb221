package cluster

import (
	"errors"
	"fmt"

	"github.com/sioserver/sioserver/sio/adapter"
)

var (
	// ErrTimeout: a deadline, or [Config].RequestTimeout or AckTimeout, has passed. It is
	// context.DeadlineExceeded, and the ErrTimeout of package sio, too.
	ErrTimeout = adapter.ErrTimeout
	// ErrClosed: the node was closed.
	ErrClosed = errors.New("cluster: node closed")
	// ErrTooManyRequests: so many requests wait for answers that there is no room for
	// another one.
	ErrTooManyRequests = errors.New("cluster: too many requests are pending")
	// ErrAnswersTooLarge: the answers of other nodes need more than [Config].MaxAnswerBytes.
	ErrAnswersTooLarge = errors.New("cluster: the answers are larger than MaxAnswerBytes")
	// ErrUnencodable: a message has no form on the wire, because of what its caller
	// gave. A [Bus] wraps the reason with it, as the functions of package wire do.
	ErrUnencodable = errors.New("cluster: message can't be encoded")
	// ErrOverloaded: so much waits to be sent that there is no room for a message; it may
	// be tried again later. A [Bus] wraps it.
	ErrOverloaded = adapter.ErrOverloaded
	// ErrTooLarge: a message is larger than the bus carries, see [Sizer]. A [Bus] that
	// returns it wraps [ErrUnencodable], too: it is the message's own fault.
	ErrTooLarge = adapter.ErrTooLarge
)

// ResponseError reports that not all nodes that were asked have answered.
type ResponseError struct {
	Received, Expected int
	// Err is [ErrTimeout], the cause of the context's end, [ErrClosed],
	// [ErrAnswersTooLarge], or why the bus could not send; and what a [Watcher] says.
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
