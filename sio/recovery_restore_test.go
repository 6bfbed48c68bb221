package sio

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/internal/recovery"
)

// sharedLogOf returns the log of a server whose adapter is a Recoverer.
func sharedLogOf(srv *Server) *sharedLog { return srv.Namespace.delivery.(*recoveringAdapter).log }

// sharedLocalOf returns what the adapter of the server sees.
func sharedLocalOf(srv *Server) adapter.Local {
	return srv.Namespace.delivery.(*recoveringAdapter).namespace
}

// offsets returns those of the packets in a history.
func offsets(h *history) (list []recovery.Offset) {
	for o := range h.All() {
		list = append(list, o)
	}
	return list
}

func mustEntryID(t testing.TB, text string) recovery.Offset {
	t.Helper()
	o, ok := recovery.ParseEntryID(text)
	if !ok {
		t.Fatalf("%q is no offset", text)
	}
	return o
}

// slowBehind is a server far behind the end of a stream whose histories have
// few entries each and take a while.
type slowBehind struct {
	reader
	since string
	gap   int // entries before it are not kept
	takes bool
}

func (b *slowBehind) Since() (string, <-chan struct{}) { return b.since, nil }

func (b *slowBehind) History(ctx context.Context, after string) (list []adapter.Kept, upTo string, err error) {
	const page = 10
	time.Sleep(time.Millisecond)
	b.stream.fetched.Add(1)
	n := entryNumber(after)
	if n < b.gap {
		return nil, entryOffset(b.gap), adapter.ErrGap
	}
	b.stream.mu.Lock()
	defer b.stream.mu.Unlock()
	end := min(n+page, len(b.stream.entries))
	for _, e := range b.stream.entries[n:end] {
		list = append(list, e.kept)
	}
	return list, entryOffset(end), nil
}

func (b *slowBehind) Take(ctx context.Context, s adapter.Session) bool {
	return b.takes && b.reader.Take(ctx, s)
}

// TestRecoveryReadsOnce has many clients come back at once, with offsets from
// the oldest to the newest: the stream is read twice at most for all of them,
// each packet is held once for each time, and each client gets what it has
// missed. Those for which something is not kept any more keep their sessions,
// and are counted.
func TestRecoveryReadsOnce(t *testing.T) {
	const clients, entries, page, gap = 200, 1000, 10, 100
	st := newStream()
	for i := range entries {
		st.addLocked(entry{kept: adapter.Kept{Packet: adapter.Packet{Event: "e", Args: []any{i}}}})
	}
	srv, err := New(Config{Loops: 1, ConnectionStateRecovery: &Recovery{RestoreTimeout: 10 * time.Second}, Adapter: func(local adapter.Local) adapter.Adapter {
		return &slowBehind{reader{stream: st, local: local}, entryOffset(entries), gap, true}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	lg := sharedLogOf(srv)
	var wg sync.WaitGroup
	begun := make(chan struct{})
	members := make([]*membership, clients)
	for i := range clients {
		id := fmt.Sprintf("%020d", i)
		st.sessions[fmt.Sprint(i)] = adapter.Session{ID: id, PID: fmt.Sprint(i), Rooms: []string{id}, Data: json.RawMessage("{}")}
		wg.Go(func() {
			<-begun
			members[i] = lg.restore(nil, restoreRequest{fmt.Sprint(i), entryOffset(i * entries / clients)}, nil)
		})
	}
	close(begun)
	wg.Wait()
	lost := 0
	lg.mu.Lock()
	defer lg.mu.Unlock()
	for i, m := range members {
		from := i * entries / clients
		if from < gap {
			lost++
			if _, kept := st.sessions[fmt.Sprint(i)]; m != nil || !kept {
				t.Fatalf("client %d has a session across the gap, or has lost it: %v %v", i, m, kept)
			}
			continue
		}
		if m == nil {
			t.Fatalf("client %d is not recovered", i)
		}
		if _, kept := st.sessions[fmt.Sprint(i)]; kept {
			t.Errorf("the session of client %d was not taken", i)
		}
		if list := offsets(m.History); len(list) != entries-from || list[0] != mustEntryID(t, entryOffset(from+1)) {
			t.Fatalf("client %d gets %d packets, want %d", i, len(list), entries-from)
		}
	}
	if n := st.fetched.Load(); n > 2*entries/page+10 {
		t.Errorf("%d pages were read, want those of two rounds, %d", n, 2*entries/page)
	}
	if g := lg.log.Stats().Gaps; g != uint64(lost) {
		t.Errorf("%d gaps are counted, want %d", g, lost)
	}
	size := 0
	for _, last := range members[clients-1].History.All() {
		size = last.size() + packetCost
	}
	if held, _ := lg.log.Held(); held > 2*entries*(size+64) || held == 0 {
		t.Errorf("%d bytes are held, want %d at most", held, 2*entries*(size+64))
	}
	for _, m := range members {
		if m != nil {
			m.DropHistory()
		}
	}
	if held, clients := lg.log.Held(); held != 0 || clients != 0 {
		t.Errorf("%d bytes are held without need, %d clients come back", held, clients)
	}
}

// TestRecoveryHeldBytes has clients miss more than may be held at once: all
// come back, one after the other.
func TestRecoveryHeldBytes(t *testing.T) {
	const clients, entries, size = 12, 100, 1000
	st := newStream()
	for i := range entries * clients {
		st.addLocked(entry{kept: adapter.Kept{
			Packet:  adapter.Packet{Event: "e", Args: []any{string(make([]byte, size/6))}},
			Options: adapter.Options{Rooms: []string{fmt.Sprint(i % clients)}},
		}})
	}
	srv, err := New(Config{Loops: 1, ConnectionStateRecovery: &Recovery{MaxBytes: 3 * entries * size, RestoreTimeout: 10 * time.Second}, Adapter: func(local adapter.Local) adapter.Adapter {
		return &slowBehind{reader{stream: st, local: local}, entryOffset(entries * clients), 0, true}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	lg := sharedLogOf(srv)
	var wg sync.WaitGroup
	for i := range clients {
		id := fmt.Sprintf("%020d", i)
		(&reader{stream: st}).Persist(adapter.Session{ID: id, PID: id, Rooms: []string{id, fmt.Sprint(i)}, Data: json.RawMessage("{}")})
		wg.Go(func() {
			m := lg.restore(nil, restoreRequest{id, entryOffset(0)}, nil)
			lg.mu.Lock()
			defer lg.mu.Unlock()
			if m == nil {
				t.Errorf("client %d is not recovered", i)
				return
			}
			if n := len(offsets(m.History)); n != entries {
				t.Errorf("client %d gets %d packets, want %d", i, n, entries)
			}
			if held, _ := lg.log.Held(); held > (recovery.HeldRounds+1)*lg.cfg.MaxBytes {
				t.Errorf("%d bytes are held, want %d at most", held, (recovery.HeldRounds+1)*lg.cfg.MaxBytes)
			}
			m.DropHistory() // it is sent
		})
	}
	wg.Wait()
	if held, _ := lg.log.Held(); held != 0 {
		t.Errorf("%d bytes are held without need", held)
	}
}
