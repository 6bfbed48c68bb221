//go:build linux

package attack

import "strings"

// arguments has events wait that have as many arguments as fit into a message,
// behind handlers that block.
func arguments(f *Field) {
	const (
		most   = megabyte/2 - 10 // of two bytes each
		events = 8               // more than a connection may have waiting
	)
	event := appendFrame(nil, final|opText, []byte(`42["block"`+strings.Repeat(",1", most)+"]"))
	f.onEachHeld(blockedConnections, 0, func(c *raw) error {
		if err := c.join(); err != nil {
			return err
		}
		if err := c.say(`42["block"]`); err != nil {
			return err
		}
		if _, err := c.next(); err != nil { // the handler's event "started"
			return err
		}
		go func() { _ = c.chatter() }()
		for range events {
			if _, err := c.Write(event); err != nil {
				return err
			}
			f.count("events", 1)
		}
		<-f.ctx.Done()
		return nil
	})
}
