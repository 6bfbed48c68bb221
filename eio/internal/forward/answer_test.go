package forward

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio/eiotest"
)

// brokenNode answers each request with what answer writes.
func brokenNode(t *testing.T, answer func(c net.Conn)) (addr string) {
	t.Helper()
	l := listen(t)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				c.SetDeadline(time.Now().Add(5 * patience))
				if _, err := c.Read(make([]byte, 4096)); err == nil {
					answer(c)
				}
			}()
		}
	}()
	return l.Addr().String()
}

// forever writes start and then part until the connection takes no more or 8
// MiB are gone, and reports how much that was.
func forever(taken chan<- int, start, part string) func(c net.Conn) {
	return func(c net.Conn) {
		n, err := io.WriteString(c, start)
		for err == nil && n < 8<<20 {
			var k int
			k, err = io.WriteString(c, part)
			n += k
		}
		taken <- n
	}
}

// TestEndlessHeads has nodes whose heads do not end. The kernel's buffers take
// some of them, the client almost nothing.
func TestEndlessHeads(t *testing.T) {
	long := strings.Repeat("x", 4<<10)
	for name, part := range map[string][2]string{
		"status line":  {"HTTP/1.1 200 ", long},
		"version":      {"HTTP/1.", long},
		"field name":   {"HTTP/1.1 200 OK\r\n", long},
		"field value":  {"HTTP/1.1 200 OK\r\nA: ", long},
		"fields":       {"HTTP/1.1 200 OK\r\n", strings.Repeat("A: b\r\n", 700)},
		"empty fields": {"HTTP/1.1 200 OK\r\n", strings.Repeat(":\n", 2000)},
		"folded lines": {"HTTP/1.1 200 OK\r\nA: b\r\n", strings.Repeat(" c\r\n", 1000)},
		"nothing":      {"", strings.Repeat("\r", 4<<10)},
		"1xx":          {"", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 200)},
		"trailer":      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "A: " + long + "\r\n"},
		"extension":    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", long},
		"extensions":   {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1;" + long[:2000] + "\r\nx\r\n"},
		"body":         {"HTTP/1.1 200 OK\r\n\r\n", long},
		"chunks":       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", strings.Repeat("1\r\nx\r\n", 700)},
	} {
		t.Run(name, func(t *testing.T) {
			c := New(config())
			defer c.Close()
			taken := make(chan int, 1)
			addr := brokenNode(t, forever(taken, part[0], part[1]))
			if a, err := c.Do(t.Context(), addr, "GET", []byte(get), patience); err == nil {
				t.Errorf("an answer: %d, %d bytes", a.Status, len(a.Body))
			} else if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("it was waited for: %v", err)
			}
			if n := <-taken; n >= 8<<20 {
				t.Errorf("%d bytes were taken", n)
			}
			if n := held(c); n != 0 {
				t.Errorf("%d bytes are held", n)
			}
		})
	}
}

// TestLargestHead has heads that are just as large as allowed.
func TestLargestHead(t *testing.T) {
	body := "\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok\n\n\n"
	head := "HTTP/1.1 200 OK\r\nA: "
	for name, answer := range map[string]string{
		"bytes":  head + strings.Repeat("b", maxHead-len(head)-len(body)+len("ok\n\n\n")) + body,
		"fields": "HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", maxFields-3) + "A: b" + body,
	} {
		for _, more := range []bool{false, true} {
			answer := answer
			if more {
				answer = strings.Replace(answer, "\r\nA: ", "\r\nA: b\r\nA: ", 1)
			}
			c := New(config())
			addr := brokenNode(t, func(c net.Conn) { io.WriteString(c, answer) })
			a, err := c.Do(t.Context(), addr, "GET", []byte(get), patience)
			switch {
			case more && !errors.Is(err, ErrAnswer):
				t.Errorf("%s: more than allowed: %v", name, err)
			case !more && err != nil:
				t.Errorf("%s: %v", name, err)
			case !more && string(a.Body) != "ok":
				t.Errorf("%s: %q", name, a.Body)
			}
			c.Close()
		}
	}
}

// TestSlowAnswer has an answer that takes longer than the time for its
// beginning, but goes on, and one that stops in the middle.
func TestSlowAnswer(t *testing.T) {
	cfg := config()
	cfg.MaxAnswer, cfg.MaxAnswers = 1<<20, 1<<20
	cfg.Stall = time.Second
	c := New(cfg)
	defer c.Close()
	const parts, size = 12, 5 << 10
	slow := brokenNode(t, func(c net.Conn) {
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", parts*size)
		for range parts {
			time.Sleep(25 * time.Millisecond) // together more than 100 ms
			io.WriteString(c, strings.Repeat("x", size))
		}
	})
	a, err := c.Do(t.Context(), slow, "GET", []byte(get), 100*time.Millisecond)
	if err != nil || len(a.Body) != parts*size {
		t.Errorf("got %v", err)
	}
	stops := make(chan struct{})
	defer close(stops)
	stuck := brokenNode(t, func(c net.Conn) {
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx")
		<-stops
	})
	if _, err := c.Do(t.Context(), stuck, "GET", []byte(get), patience); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// TestAnswersHaveATotal has a node with many large answers that do not end,
// while another node's arrive.
func TestAnswersHaveATotal(t *testing.T) {
	const n = 20
	c := New(config()) // room for four of them
	defer c.Close()
	stops := make(chan struct{})
	begun := make(chan struct{}, n)
	stuck := brokenNode(t, func(c net.Conn) {
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nx")
		begun <- struct{}{}
		<-stops
	})
	ctx, cancel := context.WithCancel(t.Context())
	var asking sync.WaitGroup
	for range n {
		asking.Go(func() { c.Do(ctx, stuck, "GET", []byte(get), patience) })
	}
	for range n {
		<-begun
	}
	eiotest.Eventually(t, "one node has half of the 4000 bytes", func() bool { return held(c) == 2000 })
	honest := peer(t)
	for range 10 {
		do(t, c, honest)
	}
	cancel()
	asking.Wait()
	close(stops)
	if held := held(c); held != 0 || len(c.nodes) > 1 {
		t.Errorf("%d bytes are held", held)
	}
}

// TestNoRoomForAnswers has an answer that waits for room: until there is some,
// or until it is given up.
func TestNoRoomForAnswers(t *testing.T) {
	cfg := config()
	cfg.MaxAnswers, cfg.Stall = 1000, 200*time.Millisecond
	c := New(cfg)
	defer c.Close()
	s := peer(t)
	first, err := c.Do(t.Context(), s.Listener.Addr().String(), "GET", []byte(get), patience)
	if err != nil {
		t.Fatal(err)
	}
	full := brokenNode(t, func(c net.Conn) {
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n%s", strings.Repeat("x", 1000))
	})
	if _, err := c.Do(t.Context(), full, "GET", []byte(get), patience); !errors.Is(err, ErrBusy) {
		t.Errorf("got %v", err)
	}
	c.cfg.Stall = patience
	time.AfterFunc(50*time.Millisecond, first.Release)
	a, err := c.Do(t.Context(), full, "GET", []byte(get), patience)
	if err != nil {
		t.Fatal(err)
	}
	if a.Release(); held(c) != 0 {
		t.Errorf("%d bytes are held", held(c))
	}
}

// held returns how many bytes of answers c has, or is receiving.
func held(c *Client) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.held
}
