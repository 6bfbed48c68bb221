//go:build linux

package attack

import (
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"
)

// namespaces connects to new dynamic namespaces in two ways: connections that
// stay leave a batch of namespaces when all are answered, and clients that ask
// for as many as they may be in by default close without waiting for an answer.
func namespaces(f *Field) {
	const batch, most = 64, 128
	var number atomic.Int64
	f.onEach(4, 0, func(c *raw) error {
		if err := c.join(); err != nil {
			return err
		}
		for {
			last := number.Add(batch)
			if err := c.sayAll("40", last, batch); err != nil {
				return err
			}
			for range batch {
				answer, err := c.next()
				if err != nil {
					return err
				}
				if strings.HasPrefix(answer, "44") {
					f.count("refused", 1)
				} else {
					f.count("namespaces", 1)
				}
			}
			if err := c.sayAll("41", last, batch); err != nil {
				return err
			}
		}
	})
	f.onEach(4, 0, func(c *raw) error {
		if err := c.join(); err != nil {
			return err
		}
		if err := c.sayAll("40", number.Add(most), most); err != nil {
			return err
		}
		f.count("abandoned", most)
		return c.depart(time.Second)
	})
}

// sayAll sends a packet of the type for each of the n namespaces up to the
// last.
func (c *raw) sayAll(kind string, last int64, n int) error {
	var b []byte
	for i := range int64(n) {
		b = appendFrame(b, final|opText, fmt.Appendf(nil, "%s/dynamic-%d,", kind, last-i))
	}
	_, err := c.Write(b)
	return err
}

// depart ends the sending, so that the server sees the end behind all that was
// sent, and waits for the server to close, at most for the time.
func (c *raw) depart(patience time.Duration) error {
	if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		return err
	}
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_ = c.hold() // the client has left in any case
	return nil
}
