package eio_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop/looptest"
)

// randomClient is an honest client that numbers its messages. It sends them by
// POSTs in pieces, upgrades at some time, and answers pings.
type randomClient struct {
	t                *testing.T
	srv              *eio.Server
	rnd              *rand.Rand
	lt               *looptest.Loops
	sid              string
	post, get, wsc   *looptest.Conn
	postOut, wsOut   []byte
	postBusy, polls  bool
	upgrading        int // 0 none, 1 probe sent, 2 waiting for GET, 3 done
	next             int
	pongs            int
	rpost, rget, rws []byte
}

// conns are those that c has now.
func (c *randomClient) conns() []*looptest.Conn {
	return slices.DeleteFunc([]*looptest.Conn{c.post, c.get, c.wsc}, func(k *looptest.Conn) bool { return k == nil })
}

func (c *randomClient) conn() *looptest.Conn { return c.lt.ConnectTo(c.rnd.IntN(2), c.srv.Accept) }

// takeResponse takes a response off b.
func takeResponse(b []byte) (body string, status int, rest []byte, ok bool) {
	br := bufio.NewReader(bytes.NewReader(b))
	res, err := http.ReadResponse(br, nil)
	if err != nil {
		return
	}
	all, err := io.ReadAll(res.Body)
	if err != nil {
		return
	}
	left, _ := io.ReadAll(br)
	return string(all), res.StatusCode, left, true
}

func (c *randomClient) payload() string {
	size := 0
	switch c.rnd.IntN(4) {
	case 0:
		size = c.rnd.IntN(60_000)
	case 1:
		size = c.rnd.IntN(6000)
	}
	c.next++
	return fmt.Sprintf("4%d:%s", c.next-1, strings.Repeat("x", size))
}

func (c *randomClient) step(sending bool) {
	if c.sid == "" {
		c.get = c.conn()
		c.get.Feed([]byte("GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n"))
		c.lt.Run()
		body, status, _, _ := takeResponse(c.get.Sent())
		if status != 200 {
			c.t.Fatal("handshake", status)
		}
		i := strings.Index(body, `"sid":"`) + 7
		c.sid = body[i : i+strings.Index(body[i:], `"`)]
	}
	target := "/engine.io/?EIO=4&transport=polling&sid=" + c.sid + " HTTP/1.1\r\nHost: a\r\n"
	// GET side
	c.rget = append(c.rget, c.get.Sent()...)
	if c.polls {
		if body, status, rest, ok := takeResponse(c.rget); ok {
			c.rget, c.polls = rest, false
			if status != 200 {
				c.t.Fatalf("GET %d %s", status, body)
			}
			for _, p := range strings.Split(body, "\x1e") {
				if p == "2" {
					c.pongs++
				} else if p != "6" {
					c.t.Fatalf("GET got %.40q", p)
				}
			}
		}
	}
	if !c.polls && c.upgrading < 2 {
		if c.rnd.IntN(4) == 0 {
			c.get = c.conn()
			c.rget = nil
		}
		c.get.Feed([]byte("GET " + target + "\r\n"))
		c.polls = true
	}
	// POST side
	if c.post != nil {
		c.rpost = append(c.rpost, c.post.Sent()...)
	}
	if c.postBusy && len(c.postOut) == 0 {
		if body, status, rest, ok := takeResponse(c.rpost); ok {
			if status != 200 {
				c.t.Fatalf("POST %d %s", status, body)
			}
			c.postBusy, c.rpost = false, rest
		}
	}
	if !c.postBusy && c.upgrading < 2 && (c.pongs > 0 || sending && c.rnd.IntN(3) == 0) {
		var ps []string
		for range c.pongs {
			ps = append(ps, "3")
		}
		c.pongs = 0
		if sending {
			n := 1 + c.rnd.IntN(5)
			if c.rnd.IntN(5) == 0 {
				n = 1500
				for range n {
					ps = append(ps, fmt.Sprintf("4%d:", c.next))
					c.next++
				}
				n = 0
			}
			for range n {
				ps = append(ps, c.payload())
			}
		}
		body := strings.Join(ps, "\x1e")
		if c.post == nil || c.rnd.IntN(3) == 0 {
			c.post, c.rpost = c.conn(), nil
		}
		c.postOut = fmt.Appendf(nil, "POST %sContent-Length: %d\r\n\r\n%s", target, len(body), body)
		c.postBusy = true
	}
	if n := len(c.postOut); n > 0 {
		k := min(n, 1+c.rnd.IntN(64<<10))
		piece := c.postOut[:k]
		c.postOut = c.postOut[k:]
		if c.post.Unread() < 200_000 {
			c.post.Feed(bytes.Clone(piece))
		} else {
			c.postOut = append(bytes.Clone(piece), c.postOut...)
		}
	}
	// upgrade
	switch c.upgrading {
	case 0:
		if c.rnd.IntN(30) == 0 {
			c.wsc = c.conn()
			c.wsc.Feed([]byte(eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket&sid=" + c.sid)))
			c.wsc.Feed(eiotest.AppendFrame(nil, 0x80|eiotest.OpText, []byte("2probe")))
			c.upgrading = 1
		}
	case 1:
		c.rws = append(c.rws, c.wsc.Sent()...)
		if bytes.Contains(c.rws, []byte("3probe")) && !c.postBusy && c.pongs == 0 {
			c.upgrading = 2
			c.rws = nil
		}
	case 2:
		if !c.polls && !c.postBusy {
			b := eiotest.AppendFrame(nil, 0x80|eiotest.OpText, []byte("5"))
			for range c.pongs {
				b = append(b, eiotest.AppendFrame(nil, 0x80|eiotest.OpText, []byte("3"))...)
			}
			c.pongs = 0
			c.wsOut = b
			c.upgrading = 3
		}
	case 3:
		b := c.wsc.Sent()
		for range bytes.Count(b, []byte("2")) {
			c.wsOut = append(c.wsOut, eiotest.AppendFrame(nil, 0x80|eiotest.OpText, []byte("3"))...)
		}
		if sending && c.rnd.IntN(3) == 0 {
			for range 1 + c.rnd.IntN(5) {
				c.wsOut = append(c.wsOut, eiotest.AppendFrame(nil, 0x80|eiotest.OpText, []byte(c.payload()))...)
			}
		}
		if n := len(c.wsOut); n > 0 && c.wsc.Unread() < 200_000 {
			k := min(n, 1+c.rnd.IntN(64<<10))
			c.wsc.Feed(bytes.Clone(c.wsOut[:k]))
			c.wsOut = c.wsOut[k:]
		}
	}
}
