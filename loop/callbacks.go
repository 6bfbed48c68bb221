package loop

import (
	"runtime"
	"runtime/debug"
)

// recoverCall is deferred around every call of foreign code. If the call has
// panicked, or has called runtime.Goexit, *finished is false; then recoverCall
// closes c, unless it is nil. After Goexit the rest of the burst runs on
// another goroutine: see Loop.do.
func (l *Loop) recoverCall(c *Conn, where string, finished *bool) {
	runtime.UnlockOSThread() // see type coroutine
	if *finished {
		return
	}
	p := recover()
	if c != nil {
		c.closeWith(ErrPanic)
	}
	l.report(where, p)
}

// report counts and logs a call that has not returned. p is recover's result.
// It is safe for concurrent use.
func (l *Loop) report(where string, p any) {
	if p == nil {
		p = "runtime.Goexit"
	}
	l.counters.panics.Add(1)
	l.log.Error("loop: callback panicked", "in", where, "panic", p, "stack", string(debug.Stack()))
}

// runTasks runs the tasks of the batch that were not run yet, up to the end or
// the first one that panics.
func (l *Loop) runTasks() {
	finished := false
	defer l.recoverCall(nil, "Task.Run", &finished)
	for l.ran < len(l.batch) {
		t := l.batch[l.ran]
		l.ran++
		t.Run(l)
		runtime.UnlockOSThread() // see type coroutine
	}
	finished = true
}

func (l *Loop) callExpired(t *Timer) {
	finished := false
	defer l.recoverCall(nil, "TimerHandler.Expired", &finished)
	t.handler.Expired(t)
	finished = true
}

func (l *Loop) callAccept(c *Conn, accept func(*Conn) Handler) {
	finished := false
	defer l.recoverCall(c, "accept", &finished)
	h := accept(c)
	finished = true
	if h != nil {
		c.handler = h
		return
	}
	c.closeWith(nil)
}

func (l *Loop) callData(c *Conn, b []byte) {
	finished := false
	defer l.recoverCall(c, "Handler.Data", &finished)
	c.handler.Data(c, b)
	finished = true
}

func (l *Loop) callFlushed(c *Conn) {
	finished := false
	defer l.recoverCall(c, "Handler.Flushed", &finished)
	c.handler.Flushed(c)
	finished = true
}

func (l *Loop) callBlocked(c *Conn) {
	h, ok := c.handler.(BlockedHandler)
	if !ok || c.flags&isLeaving != 0 {
		return
	}
	finished := false
	defer l.recoverCall(c, "BlockedHandler.Blocked", &finished)
	h.Blocked(c)
	finished = true
}

func (l *Loop) callClosed(h Handler, c *Conn, err error) {
	finished := false
	defer l.recoverCall(nil, "Handler.Closed", &finished)
	h.Closed(c, err)
	finished = true
}
