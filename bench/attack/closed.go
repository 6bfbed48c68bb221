//go:build linux

package attack

import (
	"bytes"
	"compress/flate"
	"fmt"
	"time"
)

// closing is how long a server may go on reading from a connection that it has
// closed.
const closing = 10 * time.Second

// closed makes the server close its connections, and then floods them.
func closed(f *Field) {
	var flood []byte
	for len(flood) < chunk {
		flood = appendFrame(flood, final|opText, []byte(`42["echo","`+string(filler[:1000])+`"]`))
	}
	floodClosed(f, false, flood)
}

// closedDeflate floods with messages that are a thousand times as large when
// they are inflated.
func closedDeflate(f *Field) {
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		f.count(countFailed, 1)
		return
	}
	_, _ = w.Write(append([]byte("4"), bytes.Repeat([]byte("x"), megabyte-1)...))
	_ = w.Flush()
	message := bytes.TrimSuffix(packed.Bytes(), []byte{0, 0, 0xff, 0xff}) // RFC 7692, section 7.2.1
	var flood []byte
	for len(flood) < chunk {
		flood = appendFrame(flood, final|deflated|opText, message)
	}
	floodClosed(f, true, flood)
}

func floodClosed(f *Field, deflate bool, flood []byte) {
	f.onEach(4, 0, func(c *raw) error {
		if err := c.webSocket(deflate); err != nil {
			return err
		}
		if err := c.say("9"); err != nil { // not an Engine.IO packet
			return err
		}
		go func() { _ = c.hold() }()
		since := time.Now()
		for {
			n, err := c.Write(flood)
			f.count("bytes", n)
			if err != nil {
				f.atLeast("longest_s", time.Since(since).Seconds())
				return err
			}
		}
	})
}

func judgeClosed(o Outcome) error {
	if longest := o.Counts["longest_s"]; longest > closing.Seconds() {
		return fmt.Errorf("a connection could send for %.0f s after the server's close frame", longest)
	}
	return nil
}
