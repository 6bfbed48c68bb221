//go:build linux

package attack

import (
	"io"
	"net/http"
	"strings"
)

// sessions opens polling sessions, many requests at a time, and sends no
// further request for them.
func sessions(f *Field) {
	const batch = 64
	f.onEach(4, 0, func(c *raw) error {
		requests := strings.Repeat("GET "+path+"polling HTTP/1.1\r\nHost: "+f.target.Addr+"\r\n\r\n", batch)
		for {
			if _, err := io.WriteString(c, requests); err != nil {
				return err
			}
			for range batch {
				r, err := http.ReadResponse(c.r, nil)
				if err != nil {
					return err
				}
				if _, err := io.Copy(io.Discard, r.Body); err != nil {
					return err
				}
				if r.StatusCode == http.StatusOK {
					f.count("sessions", 1)
				} else {
					f.count("refused", 1)
				}
				if r.Close {
					return io.EOF
				}
			}
		}
	})
}
