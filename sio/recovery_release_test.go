package sio

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"testing"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/sio/adapter"
)

// released reports whether somebody has given the last reference to a packet
// up.
func released(p *eio.EncodedPacket) (yes bool) {
	defer func() { yes = recover() != nil }()
	p.Len() // of a buffer that is not there any more
	return false
}

// remembering is a server whose adapter has two packets that its log does not
// have.
func remembering(t *testing.T, cfg Config) (*Server, *stream) {
	st := newStream()
	for range 2 {
		st.addLocked(entry{kept: adapter.Kept{Packet: adapter.Packet{Event: "e", Args: []any{[]byte{1}}}}})
	}
	cfg.Loops, cfg.Adapter = 1, func(local adapter.Local) adapter.Adapter {
		b := &behind{reader: reader{stream: st, local: local}}
		b.since.Store("1000-2")
		return b
	}
	srv, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { srv.Close() })
	return srv, st
}

// behind is a reader that was handed nothing that the log would have.
type behind struct {
	reader
	since atomic.Value // of string
}

func (b *behind) Since() (string, <-chan struct{}) { return b.since.Load().(string), nil }

// TestRecoveryReleasesHistory gives up what was fetched for a client that does
// not come back after all.
func TestRecoveryReleasesHistory(t *testing.T) {
	const id = "abcdefghijklmnopqrst"
	for name, end := range map[string]func(lg *sharedLog, s *Socket, m *membership, b *behind){
		"unclaimed":    func(lg *sharedLog, _ *Socket, m *membership, _ *behind) { lg.giveBack(m) },
		"refused":      func(lg *sharedLog, s *Socket, _ *membership, _ *behind) { lg.refuse(s) },
		"disconnected": func(lg *sharedLog, s *Socket, _ *membership, _ *behind) { lg.closed(s, ClientNamespaceDisconnect) },
		"no more to be had": func(lg *sharedLog, _ *Socket, m *membership, b *behind) {
			b.since.Store("1000-3")
			lg.look()
			if lg.catchUp(context.Background(), m.Session, m.History) {
				t.Error("caught up with what is not there")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			srv, st := remembering(t, Config{ConnectionStateRecovery: &Recovery{}})
			st.sessions["p"] = adapter.Session{ID: id, PID: "p", Rooms: []string{id}, Data: json.RawMessage("{}")}
			lg := sharedLogOf(srv)
			m := lg.restore(nil, restoreRequest{"p", "1000-0"}, nil)
			if m == nil || len(offsets(m.History)) != 2 {
				t.Fatalf("restored %+v", m)
			}
			s := &Socket{ns: srv.Namespace}
			s.setMembership(m)
			m.Occupy(s)
			var packets []*eio.EncodedPacket
			for _, p := range m.History.All() {
				packets = append(append(packets, p.head), p.attachments...)
			}
			end(lg, s, m, (*lg.keeper.Load()).(*behind))
			for i, p := range packets {
				if !released(p) {
					t.Errorf("packet %d of %d is not released", i, len(packets))
				}
			}
		})
	}
}

// TestRecoveryReleasesBare gives up the packet without an offset when its turn
// has come, in time or not.
func TestRecoveryReleasesBare(t *testing.T) {
	for name, turns := range map[string][]string{"in time": {"7-1"}, "late": {"", "7-1"}} {
		t.Run(name, func(t *testing.T) {
			srv, _ := remembering(t, Config{ConnectionStateRecovery: &Recovery{}, Parser: MessagePack()})
			d, err := eventDraft(srv.Namespace, "e", []any{"x"}, false)
			if err != nil {
				t.Fatal(err)
			}
			bare, err := encodeEvent(srv.Namespace, 0, false, "e", []any{"x"})
			if err != nil {
				t.Fatal(err)
			}
			p := &publishing{log: sharedLogOf(srv), draft: d, bare: bare, to: BroadcastOperator{ns: srv.Namespace}}
			for _, turn := range turns {
				p.deliver(turn)
			}
			if !released(bare.head) {
				t.Error("it is not released")
			}
			if released(d.head) {
				t.Error("what is kept is released")
			}
		})
	}
}
