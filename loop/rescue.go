package loop

import "runtime/debug"

// rescue is deferred around every call out of the loop: a panic there costs
// the connection c (if there is one), not the process.
func (l *Loop) rescue(c *Conn, where string) {
	p := recover()
	if p == nil {
		return
	}
	l.counters.panics.Add(1)
	l.log.Error("loop: callback panicked", "in", where, "panic", p, "stack", string(debug.Stack()))
	if c != nil {
		c.closeWith(ErrPanic)
	}
}

// runTasks runs the batch from i on, up to its end or the first task that
// panics, and returns where to go on.
func (l *Loop) runTasks(i int) (next int) {
	defer l.rescue(nil, "Task.Run")
	for next = i; next < len(l.batch); {
		t := l.batch[next]
		next++
		t.Run(l)
	}
	return next
}

func (l *Loop) callExpired(t *Timer) {
	defer l.rescue(nil, "TimerHandler.Expired")
	t.handler.Expired(t)
}

func (l *Loop) callAccept(c *Conn, accept func(*Conn) Handler) {
	defer l.rescue(c, "accept")
	if h := accept(c); h != nil {
		c.handler = h
		return
	}
	c.closeWith(nil)
}

func (l *Loop) callData(c *Conn, b []byte) {
	defer l.rescue(c, "Handler.Data")
	c.handler.Data(c, b)
}

func (l *Loop) callFlushed(c *Conn) {
	defer l.rescue(c, "Handler.Flushed")
	c.handler.Flushed(c)
}

func (l *Loop) callBlocked(c *Conn) {
	h, ok := c.handler.(BlockedHandler)
	if !ok || c.flags&parts != 0 {
		return
	}
	defer l.rescue(c, "BlockedHandler.Blocked")
	h.Blocked(c)
}

func (l *Loop) callClosed(c *Conn, err error) {
	defer l.rescue(nil, "Handler.Closed")
	c.handler.Closed(c, err)
}
