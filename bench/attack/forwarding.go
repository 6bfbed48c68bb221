//go:build linux

package attack

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

// forwarding makes requests and WebSockets for sessions of other nodes, which
// answer as no node should: see evil.
func forwarding(f *Field) {
	var addrs []string
	var serving sync.WaitGroup
	defer serving.Wait()
	for _, answer := range evil {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			f.count(countFailed, 1)
			return
		}
		defer l.Close()
		addrs = append(addrs, l.Addr().String())
		serving.Go(func() { f.serve(l, answer) })
	}
	if err := f.target.SetNodes(addrs...); err != nil {
		f.count(countFailed, 1)
		return
	}
	f.onEach(20*len(evil), 0, func(c *raw) error {
		turn := f.next(2 * len(evil))
		const first = 2 // behind the server's own number
		sid := sidOf(first + turn/2)
		if turn%2 == 1 {
			if _, err := c.Write(appendWebSocket(nil, f.target.Addr, path+"websocket&sid="+sid, "")); err != nil {
				return err
			}
			f.count("tunnels", 1)
		} else {
			if _, err := fmt.Fprintf(c, "GET %spolling&sid=%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path, sid, f.target.Addr); err != nil {
				return err
			}
			f.count("requests", 1)
		}
		n, err := io.Copy(io.Discard, c.r)
		f.count("bytes", int(n))
		return err
	})
	f.wg.Wait()
}

// sidOf makes the id of a session of the node: eight random bytes, the node,
// the loop and the place there.
func sidOf(node int) string {
	var id [15]byte
	_, _ = rand.Read(id[:8]) // never fails
	id[8], id[9], id[10] = byte(node>>16), byte(node>>8), byte(node)
	return base64.RawURLEncoding.EncodeToString(id[:])
}

// serve answers connections until the listener is closed and all answers are
// over, which the attack's end cuts short.
func (f *Field) serve(l net.Listener, answer func(f *Field, c net.Conn) error) {
	var serving sync.WaitGroup
	defer serving.Wait()
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		serving.Go(func() {
			defer c.Close()
			defer context.AfterFunc(f.ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })()
			if _, err := c.Read(make([]byte, chunk)); err != nil { // the request
				return
			}
			f.count("asked", 1)
			_ = answer(f, c)
		})
	}
}

// evil are nodes of a cluster: what each does with a request.
var evil = []func(f *Field, c net.Conn) error{
	func(f *Field, _ net.Conn) error { // never answers
		<-f.ctx.Done()
		return nil
	},
	func(_ *Field, c net.Conn) error { return c.Close() }, // leaves
	func(_ *Field, c net.Conn) error { // is no HTTP server
		_, err := c.Write(filler)
		return err
	},
	func(f *Field, c net.Conn) error { // answers slowly
		return drip(f, c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"+strings.Repeat("x", 100))
	},
	func(_ *Field, c net.Conn) error { // a head without an end
		return endless(c, "HTTP/1.1 200 OK\r\n", "X: "+string(filler[:1000])+"\r\n")
	},
	func(_ *Field, c net.Conn) error { // interim answers without an end
		return endless(c, "", "HTTP/1.1 100 Continue\r\n\r\n")
	},
	func(_ *Field, c net.Conn) error { // chunks without an end
		return endless(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "10000\r\n"+string(filler)+"\r\n")
	},
	func(_ *Field, c net.Conn) error { // a chunk size without an end
		return endless(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "0")
	},
	func(f *Field, c net.Conn) error { // the largest body, but for its last byte
		const largest = 33_000_000
		if err := endlessly(c, fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", largest), string(filler), (largest-1)/chunk); err != nil {
			return err
		}
		<-f.ctx.Done()
		return nil
	},
	func(_ *Field, c net.Conn) error { // a body of a length that is none
		_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: -1\r\nContent-Length: 5\r\n\r\nhello")
		return err
	},
	func(_ *Field, c net.Conn) error { // a WebSocket that floods
		return endless(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", string(filler))
	},
	func(f *Field, c net.Conn) error { // a WebSocket that is silent
		if _, err := io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"); err != nil {
			return err
		}
		<-f.ctx.Done()
		return nil
	},
}

// drip writes one byte a second.
func drip(f *Field, w io.Writer, text string) error {
	for i := range text {
		if _, err := io.WriteString(w, text[i:i+1]); err != nil || f.ctx.Err() != nil {
			return err
		}
		f.sleep(time.Second)
	}
	return nil
}

// endless writes the first text once and the next for ever.
func endless(w io.Writer, first, next string) error {
	const ever = 1 << 40
	return endlessly(w, first, next, ever)
}

func endlessly(w io.Writer, first, next string, times int) error {
	_, err := io.WriteString(w, first)
	for ; err == nil && times > 0; times-- {
		_, err = io.WriteString(w, next)
	}
	return err
}
