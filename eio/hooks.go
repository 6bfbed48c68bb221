package eio

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync/atomic"

	"github.com/sioserver/sioserver/loop"
)

// hooks is the only place where functions of the application are called. They
// may return, panic or end their goroutine (runtime.Goexit); the caller
// continues in each case. A failure is logged and counted. Safe for concurrent
// use.
type hooks struct {
	log      *slog.Logger
	failures atomic.Uint64
}

// errGoexit is the failure of a function that called runtime.Goexit.
var errGoexit = errors.New("eio: a callback ended its goroutine")

// run calls call and then after, with nil or the failure. If call ends the
// goroutine, after still runs, and run does not return. about are attributes
// for the log. http.ErrAbortHandler is a failure that is neither logged nor
// counted.
func (k *hooks) run(name string, call func(), after func(error), about ...any) {
	err := errGoexit
	defer func() {
		switch p := recover(); {
		case p == http.ErrAbortHandler:
			err = http.ErrAbortHandler
		case p != nil:
			err = fmt.Errorf("eio: %s panicked: %v", name, p)
		}
		if err != nil && err != http.ErrAbortHandler {
			k.failures.Add(1)
			k.log.Error("eio: a callback failed", append(about,
				"callback", name, "error", err, "stack", string(debug.Stack()))...)
		}
		after(err)
	}()
	call()
	err = nil
}

// await calls call and returns nil or its failure. It is for loops, which no
// callback may end: call runs on a goroutine while the caller waits, which
// costs about a microsecond. Meanwhile call may use all that the caller owns.
func (k *hooks) await(name string, call func()) error {
	ended := make(chan error, 1)
	go k.run(name, loop.Delegate(call), func(err error) { ended <- err })
	return <-ended
}

// CallbackFailures returns how many callbacks of [Config] have panicked or
// ended their goroutine. Safe for concurrent use.
func (srv *Server) CallbackFailures() uint64 { return srv.hooks.failures.Load() }
