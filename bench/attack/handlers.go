//go:build linux

package attack

import (
	"fmt"
	"time"
)

// waiting is how many events of one connection may wait by default, and
// blockedConnections how many connections may have as many.
const (
	waiting            = 1024
	blockedConnections = 256
)

// blocked makes as many events wait for blocked handlers as the server accepts
// of all connections by default.
func blocked(f *Field) {
	f.onEachHeld(blockedConnections, 0, func(c *raw) error {
		if err := c.backlog(waiting, `42["block"]`); err != nil {
			return err
		}
		return c.chatter()
	})
}

// departed leaves backlogs behind: the first handler of each connection ignores
// that its client has left, and the next client connects.
func departed(f *Field) {
	const (
		most  = 1000            // a handler that goes on holds its goroutine: their number is bounded
		few   = waiting - 24    // so that the server goes on reading and sees the end
		after = 5 * time.Second // so that the server can be tried while the handlers run
	)
	f.repeat(4, func() error {
		if f.Outcome().Counts["departed"] >= most {
			f.sleep(pause)
			return nil
		}
		c, err := f.dial(0)
		if err != nil {
			return err
		}
		defer c.leave()
		if err := c.backlog(few, fmt.Sprintf(`42["ignore",%d]`, (f.remaining()+after).Milliseconds())); err != nil {
			return err
		}
		f.count("departed", 1)
		return c.depart(time.Second)
	})
}

// backlog joins and sends an event whose handler does not end. When that has
// begun, it sends n more that wait for it.
func (c *raw) backlog(n int, event string) error {
	if err := c.join(); err != nil {
		return err
	}
	if err := c.say(event); err != nil {
		return err
	}
	if _, err := c.next(); err != nil { // the handler's event "started"
		return err
	}
	var all []byte
	for range n {
		all = appendFrame(all, final|opText, []byte(event))
	}
	_, err := c.Write(all)
	c.f.count("events", n)
	return err
}
