package sio_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

func TestConn(t *testing.T) {
	events := make(steps, 100)
	note := func(event string, c *sio.Conn) {
		events <- fmt.Sprint(event, " ", c.Transport(), " ", c.Protocol(), " ", c.Request() != nil)
	}
	f := serve(t, sio.Config{
		OnOpen:    func(c *sio.Conn) { note("open", c); panic("a bug") },
		OnUpgrade: func(c *sio.Conn) { note("upgrade", c) },
		OnClose:   func(c *sio.Conn, reason sio.Reason) { note(string(reason), c) },
	}, echo)
	p := f.polling(t)
	p.connect()
	c := wait.For(t, "socket", f.connected).Conn()
	events.want(t, "open polling 4 true")

	w := f.rawDial(t, "EIO=4&"+p.url[strings.Index(p.url, "sid="):])
	w.send("2probe")
	w.want("3probe")
	w.send("5")
	w.alive()
	events.want(t, "upgrade websocket 4 true")
	if c.Transport() != "websocket" || !strings.HasSuffix(p.url, c.ID()) || !c.RemoteAddr().IsValid() {
		t.Errorf("the connection is %s %s %s", c.ID(), c.Transport(), c.RemoteAddr())
	}
	c.DiscardRequest()
	c.Close(false)
	w.wantClosed()
	events.want(t, "forced close websocket 4 false")
	wantReason(t, f, "/ forced close")
}

// TestMoreEngineOptions shows that the engine gets the rest of its options.
func TestMoreEngineOptions(t *testing.T) {
	f := serve(t, sio.Config{
		Path:            "/my",
		NoTrailingSlash: true,
		GenerateID: func(r *http.Request) (string, error) {
			id := r.URL.Query().Get("id")
			if id == "" {
				return "", errors.New("no id")
			}
			return id, nil
		},
		InitialHeaders: func(h http.Header, _ *eio.Request) { h.Set("X-Initial", "1") },
		Headers:        func(h http.Header, _ *eio.Request) { h.Set("X-Each", "1") },
		InitialPacket:  []byte("hi"),
		RequestTimeout: time.Minute, IdleTimeout: time.Minute, DestroyUpgradeTimeout: time.Minute,
	}, nil)
	get := func(query string) (status int, header http.Header, body string) {
		res, err := pollingClient.Get("http://" + f.addr + "/my?EIO=4&transport=polling" + query)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b := make([]byte, 1000)
		n, _ := res.Body.Read(b)
		return res.StatusCode, res.Header, string(b[:n])
	}
	status, header, body := get("&id=mine")
	if status != http.StatusOK || header.Get("X-Initial") != "1" || header.Get("X-Each") != "1" ||
		!strings.HasPrefix(body, `0{"sid":"mine"`) || !strings.HasSuffix(body, "\x1e4hi") {
		t.Errorf("the handshake is %d %v %s", status, header, body)
	}
	if status, _, body = get(""); status != http.StatusBadRequest || !strings.Contains(body, `"code":3`) {
		t.Errorf("without an id: %d %s", status, body)
	}
	for field, cfg := range map[string]sio.Config{
		"RequestTimeout": {RequestTimeout: -1},
		"IdleTimeout":    {IdleTimeout: -1},
	} {
		if _, err := sio.New(cfg); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: the error is %v", field, err)
		}
	}
}
