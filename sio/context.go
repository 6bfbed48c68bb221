package sio

import (
	"context"
	"time"
)

// Context is done when the socket is disconnected; its error is then
// [ErrDisconnected]. It costs nothing until its Done channel is asked for.
// Handlers that start later have another one: see [HandlerFunc].
func (s *Socket) Context() context.Context { return (*socketContext)(s) }

// socketContext is a Socket seen as its context, so that handing it to a
// handler allocates nothing.
type socketContext Socket

// contextState is what a socket keeps for those that wait for its end. Guarded
// by Socket.mu.
type contextState struct {
	done  chan struct{}
	after []*afterFunc
}

type afterFunc struct{ call func() }

func (c *socketContext) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }

func (c *socketContext) Value(any) any { return nil }

func (c *socketContext) Err() error {
	if (*Socket)(c).state.Load() >= stateLeft {
		return ErrDisconnected
	}
	return nil
}

var closedChan = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

func (c *socketContext) Done() <-chan struct{} {
	s := (*Socket)(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.Err() != nil {
		return closedChan
	}
	st := &s.extraLocked().context
	if st.done == nil {
		st.done = make(chan struct{})
	}
	return st.done
}

// AfterFunc lets the context package derive contexts without a goroutine.
func (c *socketContext) AfterFunc(f func()) (stop func() bool) {
	s := (*Socket)(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.Err() != nil {
		go f()
		return func() bool { return false }
	}
	st := &s.extraLocked().context
	waiter := &afterFunc{f}
	st.after = append(st.after, waiter)
	return func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		after := s.extra.context.after
		for i, w := range after {
			if w == waiter {
				last := len(after) - 1
				after[i], after[last] = after[last], nil
				s.extra.context.after = after[:last]
				return true
			}
		}
		return false
	}
}

// end wakes what waits. The socket is disconnected, and no lock is held.
func (st *contextState) end() {
	if st.done != nil {
		close(st.done)
	}
	for _, w := range st.after {
		go w.call()
	}
}
