package sio

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/sioserver/sioserver/sio/adapter"
)

// passing is a server whose log is passed by, while a history is read, by more
// than MaxPackets.
type passing struct {
	reader
	more int
}

func (p *passing) Since() (string, <-chan struct{}) { return entryOffset(10), nil }

func (p *passing) emit() {
	for range p.more {
		k := adapter.Kept{Packet: adapter.Packet{Event: "e", Args: []any{1}}}
		p.stream.mu.Lock()
		p.stream.addLocked(entry{kept: k})
		k = p.stream.entries[len(p.stream.entries)-1].kept
		p.stream.mu.Unlock()
		p.local.Broadcast(k.Packet, k.Options)
	}
}

func (p *passing) History(ctx context.Context, after string) (list []adapter.Kept, upTo string, err error) {
	list, upTo, err = p.reader.History(ctx, after)
	p.emit()
	return list, upTo, err
}

// TestRecoveryNotPassed has more come during each page, and until the client is
// welcome, than the log keeps: one page is enough, and nothing is kept for
// longer.
func TestRecoveryNotPassed(t *testing.T) {
	st := newStream()
	for range 10 {
		st.addLocked(entry{kept: adapter.Kept{Packet: adapter.Packet{Event: "e", Args: []any{1}}}})
	}
	var p *passing
	srv, err := New(Config{Loops: 1, ConnectionStateRecovery: &Recovery{MaxPackets: 5}, Adapter: func(local adapter.Local) adapter.Adapter {
		p = &passing{reader{stream: st, local: local}, 20}
		return p
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	id := fmt.Sprintf("%020d", 1)
	st.sessions["p"] = adapter.Session{ID: id, PID: "p", Rooms: []string{id}, Data: json.RawMessage("{}")}
	lg := sharedLogOf(srv)
	m := lg.restore(nil, restoreRequest{"p", entryOffset(0)}, nil)
	if m == nil {
		t.Fatal("not recovered")
	}
	p.emit()
	lg.mu.Lock()
	defer lg.mu.Unlock()
	if n := lg.log.Stats().Packets; !lg.log.Complete(m) || st.fetched.Load() != 1 || n != 40 {
		t.Errorf("%d pages were read, %d packets are kept", st.fetched.Load(), n)
	}
	m.DropHistory()
	_, clients := lg.log.Held()
	if n := lg.log.Stats().Packets; n != lg.cfg.MaxPackets || clients != 0 {
		t.Errorf("%d packets are kept for nobody", n)
	}
}
