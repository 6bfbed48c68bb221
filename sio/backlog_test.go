package sio

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio/eiotest"
)

// TestTheLoopKnowsWhatWaits: the loop is told of events that wait, also when
// their client has left, and of their end.
func TestTheLoopKnowsWhatWaits(t *testing.T) {
	for _, tc := range []struct {
		name         string
		events, size int
		leaves       bool
	}{
		{"large ones are dealt with", 20, 900_000, false},
		{"large ones of a client that leaves", 20, 900_000, true},
		{"small ones are dealt with", 35_000, 1, false},
		{"small ones of a client that leaves", 35_000, 1, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := newNewcomers(t, 1, Config{MaxPendingBytes: 1 << 30, MaxPending: 1 << 20, MaxPendingTotal: 1 << 20, MaxPendingTotalBytes: 1 << 31})
			handled := 0
			release, running := make(chan struct{}), make(chan struct{}, tc.events)
			n.On("x", func(context.Context, *Event) error {
				running <- struct{}{}
				<-release
				handled++
				return nil
			})
			c := n.open(0, "192.0.2.1")
			c.Feed(eiotest.AppendFrame(nil, 0x81, []byte("40")))
			n.loops.Run()
			event := eiotest.AppendFrame(nil, 0x81, []byte(`42["x","`+strings.Repeat("y", tc.size)+`"]`))
			for range tc.events {
				c.Feed(event)
				n.loops.Run()
			}
			<-running
			p := &n.byLoop[0]
			if waits := int64((tc.events - 1) * (tc.size + jobCost)); p.reported < waits-reportStep || !p.reportedMuch.Load() {
				t.Fatalf("the loop knows of %d bytes, want %d", p.reported, waits)
			}
			if tc.leaves {
				c.PeerClose()
				n.loops.Run()
				if waits := int64((tc.events - 1) * (tc.size + jobCost)); p.reported < waits-reportStep {
					t.Errorf("the loop knows of %d bytes of a client that has left, want %d", p.reported, waits)
				}
			}
			close(release)
			n.loops.RunUntil(func() bool { return p.reported < reportStep && !p.reportedMuch.Load() })
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := n.workers.Stop(ctx); err != nil {
				t.Error(err)
			}
			if handled != tc.events {
				t.Errorf("%d events were handled, want %d", handled, tc.events)
			}
		})
	}
}

// TestParsedArgumentsCount: an event that waits counts with the list of its
// arguments, which for small ones is larger than these.
func TestParsedArgumentsCount(t *testing.T) {
	const args = 1000
	ps := MessagePack()
	packet, err := ps.AppendEvent(nil, "/", 0, false, "e", make([]any, args))
	if err != nil {
		t.Fatal(err)
	}
	h, err := ps.Parse(packet, true)
	if err != nil {
		t.Fatal(err)
	}
	name, list, err := newCodec(ps).splitEvent(h.Data, nil)
	if err != nil {
		t.Fatal(err)
	}
	var e Event
	e.keep(name, list)
	if held := len(e.buf) + args*int(reflect.TypeFor[[]byte]().Size()); e.Len() != args || e.size() < held {
		t.Errorf("%d arguments, which hold %d bytes, count as %d", e.Len(), held, e.size())
	}
}

// TestParsedArgumentsStayNil: what a parser returns as nil stays nil in a copy.
func TestParsedArgumentsStayNil(t *testing.T) {
	a := &parsedArgs{list: [][]byte{[]byte("x"), nil, {}, []byte("yz")}}
	if b := a.copyTo([]byte("name")); string(b) != "namexyz" {
		t.Errorf("copied %q", b)
	}
	if l := a.list; string(l[0]) != "x" || l[1] != nil || l[2] == nil || string(l[3]) != "yz" {
		t.Errorf("the list is %q", l)
	}
}
