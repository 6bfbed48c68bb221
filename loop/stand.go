package loop

import (
	"fmt"
	"iter"
	"runtime/debug"
)

// stand is a goroutine on which code runs that may end its goroutine by
// runtime.Goexit, which cannot be prevented, in place of one that must not end. It is a
// coroutine: the caller waits for the task, and switching there and back costs 60 ns,
// a quarter of what channels cost. One goroutine at a time may use it.
//
// The runtime ends the process when a coroutine that is tied to a thread of the
// operating system gives way. Therefore what a callback has locked by
// runtime.LockOSThread is unlocked after it, once.
type stand struct {
	loop *Loop
	task Task
	next func() (finished, alive bool)
	stop func()
	bug  string // a panic of the task that was not recovered
}

func newStand(l *Loop) *stand {
	s := &stand{loop: l}
	s.next, s.stop = iter.Pull(s.live)
	return s
}

// do runs t. It reports false when t has ended the goroutine: then s is of no more use.
func (s *stand) do(t Task) (finished bool) {
	s.task = t
	finished, _ = s.next()
	s.task = nil
	if !finished {
		go s.stop() // the end of the coroutine ends this goroutine too
		return false
	}
	if s.bug != "" {
		panic(s.bug)
	}
	return true
}

// live is the coroutine. Its end is put off in the deferred function until stop, so that
// next returns.
func (s *stand) live(yield func(finished bool) bool) {
	over := false
	defer func() {
		if !over {
			yield(false)
		}
	}()
	for !over {
		s.perform()
		over = !yield(true)
	}
}

func (s *stand) perform() {
	defer func() {
		if p := recover(); p != nil {
			s.bug = fmt.Sprintf("%v\n\n%s", p, debug.Stack())
		}
	}()
	s.task.Run(s.loop)
}
