package loop

import (
	"fmt"
	"iter"
	"runtime"
	"runtime/debug"

	"github.com/sioserver/sioserver/loop/internal/goid"
)

// coroutine runs tasks that may call runtime.Goexit, for a goroutine that must
// not end. It is a goroutine of its own, of package iter: the caller waits for
// the task. Switching to it and back costs 60 ns, a quarter of what channels
// cost. One goroutine at a time may use it.
//
// The runtime ends the process if a coroutine yields while it is locked to a
// thread. So what a callback has locked by runtime.LockOSThread is unlocked
// after it: once, and up to mostLocks times when the goroutine ends.
type coroutine struct {
	loop *Loop
	task Task
	next func() (finished, alive bool)
	stop func()
	bug  string // a panic of the task that it has not recovered
}

// mostLocks is how many nested runtime.LockOSThread are undone when a goroutine
// ends.
const mostLocks = 1000

func newCoroutine(l *Loop) *coroutine {
	co := &coroutine{loop: l}
	co.next, co.stop = iter.Pull(co.run)
	return co
}

// do runs t. It returns false if t has ended the goroutine: then co must not be
// used any more.
func (co *coroutine) do(t Task) (finished bool) {
	co.task = t
	if finished, _ = co.next(); finished {
		return true
	}
	co.task = nil
	go co.stop() // Goexit also ends the goroutine that calls stop
	if co.bug != "" {
		panic(co.bug)
	}
	return false
}

// run is the coroutine. If the task ends its goroutine, the deferred function
// yields once more, so that next returns to do; the goroutine then waits there
// for stop.
func (co *coroutine) run(yield func(finished bool) bool) {
	over := false
	id := goid.Current()
	coroutines.Store(id, co.loop)
	defer coroutines.Delete(id)
	defer func() {
		if over {
			return
		}
		if p := recover(); p != nil {
			co.bug = fmt.Sprintf("%v\n\n%s", p, debug.Stack())
		}
		for range mostLocks {
			runtime.UnlockOSThread()
		}
		yield(false)
	}()
	for !over {
		co.task.Run(co.loop)
		co.task = nil
		over = !yield(true)
	}
}

// Contain runs t, which may call runtime.Goexit, and reports whether t has
// returned. The caller's goroutine does not end. A panic of t is passed on to
// the caller: t should recover it. t must unlock what it locks by
// runtime.LockOSThread, or the runtime ends the process. Contain costs 60 ns,
// and calls may be nested. It is for code that calls foreign functions in the
// middle of its work; a callback itself may end in any way. Loop-owned.
func (l *Loop) Contain(t Task) (returned bool) {
	l.own("Loop.Contain")
	co := l.takeCoroutine()
	if returned = co.do(t); returned {
		l.spareCoroutines = append(l.spareCoroutines, co)
	}
	return returned
}

func (l *Loop) takeCoroutine() *coroutine {
	last := len(l.spareCoroutines) - 1
	if last < 0 {
		return newCoroutine(l)
	}
	co := l.spareCoroutines[last]
	l.spareCoroutines[last] = nil
	l.spareCoroutines = l.spareCoroutines[:last]
	return co
}

func (l *Loop) stopCoroutines() {
	for _, co := range l.spareCoroutines {
		co.stop()
	}
	l.spareCoroutines = nil
	if l.coroutine != nil {
		l.coroutine.stop()
		l.coroutine = nil
	}
}
