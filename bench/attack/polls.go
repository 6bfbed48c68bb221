//go:build linux

package attack

import (
	"fmt"
	"strings"
	"time"
)

const (
	unreadConnections = 50
	// letGo is how long a server may keep a connection that does not read its
	// answer.
	letGo = 45 * time.Second
)

// unreadPolls asks for answers that fill the kernel's buffers, and does not
// read them.
func unreadPolls(f *Field) {
	f.onEach(unreadConnections, 0, func(c *raw) error {
		sid, err := c.polling("")
		if err != nil {
			return err
		}
		if _, err := c.post(sid, "40"); err != nil {
			return err
		}
		text := strings.Repeat("x", megabyte-100)
		for id := range 2 {
			if _, err := c.post(sid, fmt.Sprintf(`42%d["echo","%s"]`, id, text)); err != nil {
				return err
			}
		}
		deaf, err := f.dial(4 << 10)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(deaf, "GET %spolling&sid=%s HTTP/1.1\r\nHost: %s\r\n\r\n", path, sid, f.target.Addr); err != nil {
			return err
		}
		f.count("unread", 1)
		<-f.ctx.Done()
		return nil
	})
}

func judgeUnreadPolls(o Outcome) error {
	if o.Lasted > letGo && o.Held > unreadConnections/2 {
		return fmt.Errorf("%d of %d connections that read no answer are still held after %.0f s", o.Held, unreadConnections, o.Lasted.Seconds())
	}
	return nil
}
