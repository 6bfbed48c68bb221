package eio_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// sightings are the calls of the hooks of packets.
type sightings struct {
	mu   sync.Mutex
	list []string
}

func (k *sightings) note(format string, args ...any) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.list = append(k.list, fmt.Sprintf(format, args...))
}

// take returns what was seen since the last call, once last is.
func (k *sightings) take(t *testing.T, last string) (list []string) {
	t.Helper()
	eiotest.Eventually(t, last, func() bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		return slices.Contains(k.list, last)
	})
	k.mu.Lock()
	defer k.mu.Unlock()
	list, k.list = k.list, nil
	return list
}

func (k *sightings) config(cfg eio.Config) eio.Config {
	cfg.OnPacket = func(_ *eio.Session, p eio.Packet) { k.note("in %v %s", p.Type, p.Data) }
	cfg.OnPacketCreate = func(_ *eio.Session, p eio.Packet) { k.note("out %v %s", p.Type, p.Data) }
	cfg.OnDrain = func(*eio.Session) { k.note("drain") }
	cfg.OnHeartbeat = func(*eio.Session) { k.note("heartbeat") }
	return cfg
}

func TestPacketHooksWebSocket(t *testing.T) {
	k := new(sightings)
	s := start(t, k.config(eio.Config{PingInterval: 200 * time.Millisecond, PingTimeout: time.Hour}))
	c := s.webSocket(t)
	c.Expect("2")
	c.Text("3")
	got := slices.DeleteFunc(k.take(t, "heartbeat"), func(call string) bool { return call == "drain" })
	if want := []string{"out ping ", "in pong ", "heartbeat"}; !slices.Equal(got[:3], want) {
		t.Errorf("got %q, want %q", got, want)
	}
	c.Text("4hello")
	got = k.take(t, "drain")
	if i := slices.Index(got, "in message hello"); i < 0 || !slices.Contains(got[i:], "out message hello") {
		t.Errorf("got %q", got)
	}
}

func TestPacketHooksPolling(t *testing.T) {
	k := new(sightings)
	s := start(t, k.config(eio.Config{PingInterval: time.Hour}))
	url := s.polling(t)
	wantResponse(t, eiotest.Post(t, url, "4a\x1e4b"), 200, "ok")
	wantResponse(t, eiotest.Get(t, url), 200, "4a\x1e4b")
	want := []string{"in message a", "out message a", "in message b", "out message b", "drain"}
	if got := k.take(t, "drain"); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestPacketHooksProtocol3: there the peer's ping is the heartbeat.
func TestPacketHooksProtocol3(t *testing.T) {
	k := new(sightings)
	s := start(t, k.config(eio.Config{PingInterval: time.Hour, AllowEIO3: true}))
	c := eiotest.Dial(t, s.addr, "/engine.io/?EIO=3&transport=websocket")
	c.Next()
	k.take(t, "drain")
	c.Text("2")
	c.Expect("3")
	want := []string{"in ping ", "out pong ", "heartbeat", "drain"}
	if got := k.take(t, "drain"); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestPacketHooksMayClose: a hook may end the session, and may panic.
func TestPacketHooksMayClose(t *testing.T) {
	for _, hook := range []string{"in", "out", "heartbeat", "drain"} {
		for _, discard := range []bool{false, true} {
			t.Run(fmt.Sprint(hook, discard), func(t *testing.T) {
				end := func(s *eio.Session, where string) {
					if where == hook {
						s.Close(discard)
						panic("a bug")
					}
				}
				cfg := eio.Config{PingInterval: 100 * time.Millisecond}
				cfg.OnPacket = func(s *eio.Session, p eio.Packet) { end(s, "in") }
				cfg.OnPacketCreate = func(s *eio.Session, p eio.Packet) { end(s, "out") }
				cfg.OnHeartbeat = func(s *eio.Session) { end(s, "heartbeat") }
				opened := make(chan struct{}, 100)
				cfg.OnDrain = func(s *eio.Session) {
					if len(opened) > 0 {
						end(s, "drain")
					}
				}
				s := start(t, cfg)
				c := s.webSocket(t)
				opened <- struct{}{}
				c.Text("3", "4hello")
				s.wantClosed(t, eio.ForcedClose)
				wait.Until(t, "the panic is counted", func() bool { return s.CallbackFailures() > 0 })
			})
		}
	}
}
