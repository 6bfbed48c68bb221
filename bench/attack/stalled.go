//go:build linux

package attack

import "time"

// stalled has one connection ask for broadcasts to connections that do not
// read.
func stalled(f *Field) {
	const broadcasts = 5 * time.Millisecond // between two of them
	f.onEachHeld(10, 4<<10, func(c *raw) error {
		if err := c.join(); err != nil {
			return err
		}
		if err := c.say(`420["join","stalled"]`); err != nil {
			return err
		}
		if _, err := c.next(); err != nil {
			return err
		}
		f.count("stalled", 1)
		for f.ctx.Err() == nil { // answers heartbeats without reading; the write fails when the server has cut the connection
			if err := c.say("3"); err != nil {
				return err
			}
			f.sleep(time.Second)
		}
		return nil
	})
	f.onEach(1, 0, func(c *raw) error {
		if err := c.join(); err != nil {
			return err
		}
		go func() { _ = c.chatter() }()
		message := `42["room","stalled","` + string(filler[:50_000]) + `"]`
		for {
			if err := c.say(message); err != nil {
				return err
			}
			f.count("broadcasts", 1)
			f.sleep(broadcasts)
		}
	})
}
