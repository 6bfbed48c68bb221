package loop

import (
	"fmt"
	"iter"
	"runtime"
	"runtime/debug"

	"github.com/sioserver/sioserver/loop/internal/goid"
)

// coroutine is a goroutine on which code runs that may end its goroutine by
// runtime.Goexit, which cannot be prevented, in place of one that must not end.
// It is a coroutine: the caller waits for the task, and switching there and
// back costs 60 ns, a quarter of what channels cost. One goroutine at a time
// may use it.
//
// The runtime ends the process when a coroutine that is tied to a thread of the
// operating system gives way. Therefore what a callback has locked by
// runtime.LockOSThread is unlocked after it, once; when the goroutine ends, up
// to mostLocks times.
type coroutine struct {
	loop *Loop
	task Task
	next func() (finished, alive bool)
	stop func()
	bug  string // a panic of the task that was not recovered
}

const mostLocks = 1000

func newCoroutine(l *Loop) *coroutine {
	s := &coroutine{loop: l}
	s.next, s.stop = iter.Pull(s.live)
	return s
}

// do runs t. It reports false when t has ended the goroutine: then s is of no
// more use.
func (s *coroutine) do(t Task) (finished bool) {
	s.task = t
	if finished, _ = s.next(); finished {
		return true
	}
	s.task = nil
	go s.stop() // the end of the coroutine ends this goroutine too
	if s.bug != "" {
		panic(s.bug)
	}
	return false
}

// live is the coroutine. Its end is put off in the deferred function until
// stop, so that next returns.
func (s *coroutine) live(yield func(finished bool) bool) {
	over := false
	id := goid.Current()
	coroutines.Store(id, struct{}{})
	defer coroutines.Delete(id)
	defer func() {
		if over {
			return
		}
		if p := recover(); p != nil {
			s.bug = fmt.Sprintf("%v\n\n%s", p, debug.Stack())
		}
		for range mostLocks {
			runtime.UnlockOSThread()
		}
		yield(false)
	}()
	for !over {
		s.task.Run(s.loop)
		s.task = nil
		over = !yield(true)
	}
}

// Contain runs t, which may end its goroutine by runtime.Goexit, and reports
// whether t has returned. The caller's goroutine goes on in either case. A
// panic of t is passed on to the caller: t should recover it. t must unlock
// what it locks by runtime.LockOSThread, or the runtime ends the process.
// Contain costs 60 ns, and calls may be nested. It is for code that calls
// unknown functions in the middle of its work; callbacks themselves may end as
// they like. Loop-owned.
func (l *Loop) Contain(t Task) (returned bool) {
	s := l.takeCoroutine()
	if returned = s.do(t); returned {
		l.contained = append(l.contained, s)
	}
	return returned
}

func (l *Loop) takeCoroutine() *coroutine {
	last := len(l.contained) - 1
	if last < 0 {
		return newCoroutine(l)
	}
	s := l.contained[last]
	l.contained[last] = nil
	l.contained = l.contained[:last]
	return s
}

func (l *Loop) stopCoroutines() {
	for _, s := range l.contained {
		s.stop()
	}
	l.contained = nil
	if l.runner != nil {
		l.runner.stop()
		l.runner = nil
	}
}
