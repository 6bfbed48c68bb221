package sio_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// TestEventPause: a socket that sends too many events is slowed down to its
// rate, and none of them is lost.
func TestEventPause(t *testing.T) {
	for name, limits := range map[string]sio.EventLimits{
		"socket":  {Socket: eio.Rate{PerSecond: 100, Burst: 10}},
		"address": {Address: eio.Rate{PerSecond: 100, Burst: 10}},
	} {
		t.Run(name, func(t *testing.T) {
			hits := new(atomic.Int64)
			f := serve(t, sio.Config{EventLimits: &limits, OnEventLimit: func(_ *sio.Socket, event string, did sio.EventPolicy) {
				if event == "n" && did == sio.EventPause {
					hits.Add(1)
				}
			}}, func(f *fixture) {
				sio.OnAck(f.Server, "n", func(_ context.Context, _ *sio.Socket, n int) (int, error) { return n, nil })
			})
			c := f.join(t)
			const events = 40
			began := time.Now()
			var all []string
			for i := range events {
				all = append(all, fmt.Sprintf(`42%d["n",%d]`, i, i))
			}
			c.send(all...)
			for i := range events {
				c.want(fmt.Sprintf(`43%d[%d]`, i, i))
			}
			// The last one comes when all before it but the burst are paid for.
			if took, least := time.Since(began), (events-10-1)*10*time.Millisecond; took < least {
				t.Errorf("%d events took %v; at least %v", events, took, least)
			}
			if st := f.Stats(); st.EventPauses == 0 || st.EventPauses != uint64(hits.Load()) || st.EventsRefused != 0 {
				t.Errorf("%d pauses, %d calls of the hook, %d refused", st.EventPauses, hits.Load(), st.EventsRefused)
			}
		})
	}
}

// TestEventPauseEnds: a client that leaves while it is paused is forgotten.
func TestEventPauseEnds(t *testing.T) {
	f := serve(t, sio.Config{EventLimits: &sio.EventLimits{Socket: eio.Rate{PerSecond: 0.001, Burst: 1}}}, nil)
	c := f.join(t)
	c.send(`42["n"]`, `42["n"]`, `42["n"]`)
	wait.Until(t, "a pause", func() bool { return f.Stats().EventPauses == 1 })
	s := wait.For(t, "socket", f.connected)
	s.Conn().Close(true)
	wait.For(t, "the end", f.disconnected)
	if n := f.Stats().EventsIn; n != 2 {
		t.Errorf("%d events", n)
	}
}

func TestEventRefuse(t *testing.T) {
	f := serve(t, sio.Config{EventLimits: &sio.EventLimits{Socket: eio.Rate{PerSecond: 0.001, Burst: 2}, Policy: sio.EventRefuse}}, func(f *fixture) {
		sio.OnAck(f.Server, "n", func(_ context.Context, _ *sio.Socket, n int) (int, error) { return n, nil })
	})
	c := f.join(t)
	c.send(`421["n",1]`, `422["n",2]`)
	c.want(`431[1]`, `432[2]`)
	c.send(`42["n",3]`, `424["n",4]`)
	const refused = `434[{"error":{"message":"too many events","code":"too_many_events","data":{"retryAfter":`
	if got := c.recv(); !strings.HasPrefix(got, refused) {
		t.Errorf("%s", got)
	}
	if n := f.Stats().EventsRefused; n != 2 {
		t.Errorf("%d refused", n)
	}
	other := f.join(t) // has a bucket of its own
	other.send(`421["n",1]`)
	other.want(`431[1]`)
}

func TestEventDisconnect(t *testing.T) {
	f := serve(t, sio.Config{EventLimits: &sio.EventLimits{Address: eio.Rate{PerSecond: 0.001, Burst: 2}, Policy: sio.EventDisconnect}}, nil)
	c := f.join(t)
	c.send(`42["n"]`, `42["n"]`, `42["n"]`)
	if reason := wait.For(t, "the end", f.disconnected); !strings.Contains(reason, "forced close") {
		t.Errorf("%s", reason)
	}
	if n := f.Stats().EventsRefused; n != 1 {
		t.Errorf("%d refused", n)
	}
}

// TestLimit: a handler with a limit is called as often as it says, for each
// socket, and other handlers are not limited.
func TestLimit(t *testing.T) {
	for _, opts := range [][]sio.HandlerOption{{sio.Limit(0.001, 2)}, {sio.Limit(0.001, 2), sio.Inline()}} {
		f := serve(t, sio.Config{}, func(f *fixture) {
			echo := func(_ context.Context, _ *sio.Socket, n int) (int, error) { return n, nil }
			sio.OnAck(f.Server, "limited", echo, opts...)
			sio.OnAck(f.Server, "free", echo)
		})
		for range 2 {
			c := f.join(t)
			for i := range 4 {
				c.send(fmt.Sprintf(`421["limited",%d]`, i))
				if got := c.recv(); got != fmt.Sprintf(`431[%d]`, i) && (i < 2 || !strings.Contains(got, "too_many_events")) {
					t.Errorf("call %d: %s", i, got)
				} else if i >= 2 {
					if err := wait.For(t, "an error", f.errors); !errors.Is(err, sio.ErrTooManyEvents) {
						t.Errorf("%v", err)
					}
				}
				c.send(`422["free",9]`)
				c.want(`432[9]`)
			}
		}
		if n := f.Stats().EventsRefused; n != 4 {
			t.Errorf("%d refused", n)
		}
	}
}

func TestEventLimitsAreChecked(t *testing.T) {
	for want, limits := range map[string]sio.EventLimits{
		"Socket.PerSecond is -1":   {Socket: eio.Rate{PerSecond: -1}},
		"Address.Burst is -1":      {Address: eio.Rate{PerSecond: 1, Burst: -1}},
		"Policy is EventPolicy(3)": {Policy: 3},
	} {
		if _, err := sio.New(sio.Config{EventLimits: &limits}); err == nil || !strings.Contains(err.Error(), "sio: Config.EventLimits."+want) {
			t.Errorf("%q: %v", want, err)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a limit without a burst is accepted")
		}
	}()
	sio.Limit(1, 0)
}
