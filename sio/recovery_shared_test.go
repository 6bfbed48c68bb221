package sio

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio/adapter"
)

// stream is a cluster's log in memory: what a Recoverer's store is.
type stream struct {
	mu       sync.Mutex
	entries  []entry
	grown    *sync.Cond
	closed   bool
	mute     bool // nothing that is published gets a place
	late     bool // it gets it when release is called
	held     []entry
	sessions map[string]adapter.Session
	fetched  atomic.Int64 // histories
	asked    atomic.Int64 // for sessions
}

type entry struct {
	kept adapter.Kept
	by   *reader
	own  func(offset string)
}

func newStream() *stream {
	st := &stream{sessions: map[string]adapter.Session{}}
	st.grown = sync.NewCond(&st.mu)
	return st
}

func entryOffset(i int) string { return fmt.Sprintf("1000-%d", i) }

// reader is one server's place in the stream. It implements adapter.Recoverer.
type reader struct {
	adapter.Adapter
	stream *stream
	local  adapter.Local
	pace   time.Duration // how long it takes for an entry at most
	ended  sync.WaitGroup
}

func (st *stream) connect(pace time.Duration) func(adapter.Local) adapter.Adapter {
	return func(local adapter.Local) adapter.Adapter {
		r := &reader{stream: st, local: local, pace: pace}
		r.ended.Go(r.read)
		return r
	}
}

func (r *reader) read() {
	st, rnd := r.stream, rand.New(rand.NewPCG(1, 0))
	for i := 0; ; i++ {
		st.mu.Lock()
		for i == len(st.entries) && !st.closed {
			st.grown.Wait()
		}
		if i == len(st.entries) {
			st.mu.Unlock()
			return
		}
		e := st.entries[i]
		st.mu.Unlock()
		if r.pace > 0 && rnd.IntN(20) == 0 {
			time.Sleep(time.Duration(rnd.Int64N(int64(r.pace))))
		}
		if e.by == r {
			e.own(e.kept.Packet.Offset)
		} else {
			r.local.Broadcast(e.kept.Packet, e.kept.Options)
		}
	}
}

func (r *reader) BroadcastKept(p adapter.Packet, o adapter.Options, deliver func(string)) error {
	st := r.stream
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.mute {
		go deliver("")
		return nil
	}
	e := entry{adapter.Kept{Packet: p, Options: o}, r, deliver}
	if st.late {
		st.held = append(st.held, e)
		deliver("")
		return nil
	}
	st.addLocked(e)
	return nil
}

func (st *stream) addLocked(e entry) {
	e.kept.Packet.Offset = entryOffset(1 + len(st.entries))
	st.entries = append(st.entries, e)
	st.grown.Broadcast()
}

// setLate makes the turns of packets wait, or gives their turns to those that
// do.
func (st *stream) setLate(on bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.late = on
	for _, e := range st.held {
		st.addLocked(e)
	}
	st.held = nil
}

func (r *reader) Since() (string, <-chan struct{}) { return "1000-0", nil }

func (r *reader) Persist(s adapter.Session) {
	r.stream.mu.Lock()
	defer r.stream.mu.Unlock()
	r.stream.sessions[s.PID] = s
}

func (r *reader) Restore(ctx context.Context, pid, offset string, seen bool) (s adapter.Session, ok bool) {
	st := r.stream
	st.asked.Add(1)
	// Another server may not have noticed yet that the client is gone.
	for ctx.Err() == nil {
		st.mu.Lock()
		s, ok = st.sessions[pid]
		st.mu.Unlock()
		if ok {
			return s, true
		}
		time.Sleep(time.Millisecond)
	}
	return s, false
}

func (r *reader) Take(ctx context.Context, s adapter.Session) bool {
	st := r.stream
	st.mu.Lock()
	defer st.mu.Unlock()
	now, ok := st.sessions[s.PID]
	if !ok || !reflect.DeepEqual(now, s) {
		return false
	}
	delete(st.sessions, s.PID)
	return true
}

// entryNumber is the inverse of entryOffset.
func entryNumber(text string) int {
	_, count, _ := strings.Cut(text, "-")
	n, _ := strconv.Atoi(count)
	return n
}

func (r *reader) History(ctx context.Context, after string) (list []adapter.Kept, upTo string, err error) {
	st := r.stream
	st.fetched.Add(1)
	st.mu.Lock()
	defer st.mu.Unlock()
	for i := entryNumber(after); i < len(st.entries); i++ {
		list = append(list, st.entries[i].kept)
	}
	return list, entryOffset(len(st.entries)), nil
}

func (r *reader) Close() error {
	r.stream.mu.Lock()
	r.stream.closed = true
	r.stream.grown.Broadcast()
	r.stream.mu.Unlock()
	r.ended.Wait()
	return nil
}

// clustered starts servers that share a stream.
func clustered(t *testing.T, n int, st *stream, cfg Recovery, pace time.Duration) (servers []*Server) {
	t.Helper()
	for range n {
		srv, err := New(Config{Loops: 2, ConnectionStateRecovery: &cfg, Adapter: st.connect(pace), Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		if err := srv.Listen("127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { srv.Close() })
		servers = append(servers, srv)
	}
	return servers
}

// TestRecoveryInCluster cuts clients anywhere, while all servers emit, and lets
// them come back to any server: to ones that are behind, and, with few packets
// kept, to ones that must fetch what they have forgotten.
func TestRecoveryInCluster(t *testing.T) {
	for name, cfg := range map[string]Recovery{
		"enough kept": {MaxBytes: 256 << 20, MaxPackets: 1 << 20, RestoreTimeout: 30 * time.Second},
		"few kept":    {MaxPackets: 4, RestoreTimeout: 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			const clients, emitters, cuts = 4, 3, 60
			st := newStream()
			servers := clustered(t, 2, st, cfg, 3*time.Millisecond)
			cutUnderLoad(t, servers, clients, emitters, cuts, 300*time.Microsecond)
			var total RecoveryStats
			for _, srv := range servers {
				total.add(srv.Stats().Recovery)
			}
			// Some clients are lost again before they are back.
			if total.Failed != 0 || total.Recovered < clients*cuts/2 || total.Replayed == 0 {
				t.Errorf("statistics %+v", total)
			}
			if few := cfg.MaxPackets < 100; few != (st.fetched.Load() > 0) {
				t.Errorf("%d histories were fetched", st.fetched.Load())
			}
			t.Logf("%d histories, %+v", st.fetched.Load(), total)
		})
	}
}

// TestRecoveryWithoutKeeper sends what the adapter can't keep, as it is.
func TestRecoveryWithoutKeeper(t *testing.T) {
	for name, parser := range map[string]Parser{"protocol": nil, "MessagePack": MessagePack()} {
		t.Run(name, func(t *testing.T) {
			st := newStream()
			st.mute = true
			srv, err := New(Config{Loops: 1, ConnectionStateRecovery: &Recovery{}, Adapter: st.connect(0), Parser: parser})
			if err != nil {
				t.Fatal(err)
			}
			defer srv.Close()
			lg := sharedLogOf(srv)
			d, err := eventDraft(srv.Namespace, "e", []any{"x", []byte{1}}, false)
			if err != nil {
				t.Fatal(err)
			}
			want, err := encodeEvent(srv.Namespace, 0, false, "e", []any{"x", []byte{1}})
			if err != nil {
				t.Fatal(err)
			}
			bare := d.withoutOffset(want)
			if bare.head.Len() != want.head.Len() || len(bare.attachments) != len(want.attachments) {
				t.Errorf("%d bytes and %d attachments, want %d and %d", bare.head.Len(), len(bare.attachments), want.head.Len(), len(want.attachments))
			}
			p := &publishing{log: lg, draft: d, bare: want, to: BroadcastOperator{ns: srv.Namespace}}
			p.deliver("")
			if n := lg.figures().Packets; n != 0 {
				t.Errorf("%d packets are kept", n)
			}
			p.deliver("7-1") // its turn has come after all
			if n, last := lg.figures().Packets, lg.log.Last(); n != 1 || last != mustEntryID(t, "7-1") {
				t.Errorf("%d packets are kept up to %v", n, last)
			}
			if n := srv.Stats().Recovery.Unordered; n != 1 {
				t.Errorf("%d events are unordered", n)
			}
			if err := sharedLocalOf(srv).Broadcast(adapter.Packet{Event: "e", Offset: "8"}, adapter.Options{}); err == nil {
				t.Error("no error for what is no offset")
			}
			// The adapter begins again.
			if err := sharedLocalOf(srv).Broadcast(adapter.Packet{Event: "e", Offset: "5-0"}, adapter.Options{}); err != nil {
				t.Fatal(err)
			}
			if n, last := lg.figures().Packets, lg.log.Last(); n != 1 || last != mustEntryID(t, "5-0") {
				t.Errorf("%d packets are kept up to %v", n, last)
			}
		})
	}
}

// returning is a client that asks for a session in a namespace, whose answer it
// returns.
func returning(t *testing.T, srv *Server, nsp, pid string) (answer string, conn *eiotest.Conn) {
	t.Helper()
	conn = eiotest.Dial(t, srv.Addr().String(), webSocket)
	conn.Text(fmt.Sprintf(`40%s{"pid":%q,"offset":"1000-0"}`, nsp, pid))
	for {
		f, err := conn.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		if answer = string(f.Payload); strings.HasPrefix(answer, "4") {
			return answer, conn
		}
	}
}

// TestRecoveryOpensNamespace lets a client come back to a namespace that exists
// only while somebody is there: to wait for its session is to be there.
func TestRecoveryOpensNamespace(t *testing.T) {
	st := newStream()
	const id = "abcdefghijklmnopqrst"
	st.sessions["p"] = adapter.Session{ID: id, PID: "p", Rooms: []string{id}, Data: []byte("{}")}
	srv, err := New(Config{
		Loops: 1, ConnectionStateRecovery: &Recovery{}, Adapter: st.connect(0),
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	var made atomic.Int32
	srv.OnNamespace(func(*Namespace) { made.Add(1) })
	srv.OfPattern(regexp.MustCompile("^/p$"))
	if err := srv.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	answer, conn := returning(t, srv, "/p,", "p")
	defer conn.Close()
	if !strings.Contains(answer, id) || made.Load() != 1 {
		t.Errorf("the answer is %s, %d namespaces were made", answer, made.Load())
	}
}

// TestRecoveryWhilePaused: a client that has reached MaxPending, and so is not
// read, gets the session all the same that it has asked for before.
func TestRecoveryWhilePaused(t *testing.T) {
	st := newStream()
	srv, err := New(Config{
		Loops: 1, ConnectionStateRecovery: &Recovery{RestoreTimeout: 20 * time.Second}, Adapter: st.connect(0), MaxPending: 1,
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	srv.Of("/p")
	hold := make(chan struct{})
	defer close(hold)
	started := make(chan struct{}, 1)
	On(srv, "wait", func(context.Context, *Socket, int) error {
		started <- struct{}{}
		<-hold
		return nil
	})
	if err := srv.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	_, conn := returning(t, srv, "", "")
	defer conn.Close()
	conn.Text(`42["wait",1]`)
	<-started
	asked := st.asked.Load()
	conn.Text(`40/p,{"pid":"p","offset":"1000-0"}`)
	wait.Until(t, "the session is requested", func() bool { return st.asked.Load() > asked })
	conn.Text(`42["wait",2]`)
	wait.Until(t, "the client is not read", func() bool { return srv.Stats().Pauses > 0 })
	const id = "abcdefghijklmnopqrst"
	st.mu.Lock()
	st.sessions["p"] = adapter.Session{ID: id, PID: "p", Rooms: []string{id}, Data: []byte("{}")}
	st.mu.Unlock()
	for {
		f, err := conn.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(string(f.Payload), `40/p,{"sid":"`+id+`"`) {
			return
		}
	}
}

// TestRecoveryLateTurn gives a packet its turn while the loops still send it
// without an offset: what they have of it must not change.
func TestRecoveryLateTurn(t *testing.T) {
	srv, err := New(Config{Loops: 1, ConnectionStateRecovery: &Recovery{}, Adapter: newStream().connect(0)})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	large := make([]byte, 64<<10)
	for range 100 {
		m, err := encodeEvent(srv.Namespace, 0, false, "e", []any{large})
		if err != nil {
			t.Fatal(err)
		}
		m.release() // its buffer is used again, for much less
		d, err := eventDraft(srv.Namespace, "e", []any{[]byte{1}}, false)
		if err != nil {
			t.Fatal(err)
		}
		bare := d.withoutOffset(encodedPacket{})
		shared := bare.attachments[0].Size()
		m = d.finish("7-1")
		if now := m.attachments[0].Size(); now != shared {
			t.Fatalf("the attachment's buffer of %d bytes became one of %d while it was shared", shared, now)
		}
		m.release()
		bare.release()
	}
}

// TestRecoveryBetween has a client come back after an event was sent without an
// offset, and before the event's turn: nothing else would bring it.
func TestRecoveryBetween(t *testing.T) {
	st := newStream()
	srv := clustered(t, 1, st, Recovery{}, 0)[0]
	r := &recoverer{t: t}
	emit := func(n int) {
		t.Helper()
		if err := srv.Emit("e", n); err != nil {
			t.Fatal(err)
		}
	}
	// until reads until the condition holds.
	var conn *eiotest.Conn
	until := func(cond func() bool) {
		t.Helper()
		for !cond() {
			if f := conn.Next(); string(f.Payload) == `42["e",2]` {
				r.numbers = append(r.numbers, 2) // it has no offset
			} else {
				r.read(f)
			}
		}
	}
	connect := func() {
		t.Helper()
		conn = eiotest.Dial(t, srv.Addr().String(), webSocket)
		conn.Write(r.hello())
		until(func() bool { return r.welcome })
	}
	connect()
	emit(1)
	until(func() bool { return len(r.numbers) == 1 })
	conn.Close()
	for srv.Stats().Sockets > 0 {
		runtime.Gosched()
	}
	st.setLate(true)
	emit(2)
	connect()
	st.setLate(false)
	emit(3)
	until(func() bool { return r.numbers[len(r.numbers)-1] == 3 })
	conn.Close()
	if fmt.Sprint(r.numbers) != "[1 2 3]" {
		t.Errorf("got %v", r.numbers)
	}
}

// TestRecoveryFarIDs has an entry's id be as great as can be: those that follow
// are delivered and kept, and dropped in time.
func TestRecoveryFarIDs(t *testing.T) {
	st := newStream()
	srv, err := New(Config{Loops: 1, ConnectionStateRecovery: &Recovery{MaxDisconnectionDuration: 50 * time.Millisecond}, Adapter: st.connect(0)})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	for i := range 3 {
		p := adapter.Packet{Event: "e", Offset: fmt.Sprintf("9999999999999999999-%d", i)}
		if err := sharedLocalOf(srv).Broadcast(p, adapter.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	wait.Until(t, "no packet is kept", func() bool { return srv.Stats().Recovery.Packets == 0 })
}

// takingReader calls taken once, when it has given away a session.
type takingReader struct {
	reader
	once  sync.Once
	taken func()
}

func (r *takingReader) Take(ctx context.Context, s adapter.Session) bool {
	ok := r.reader.Take(ctx, s)
	r.once.Do(r.taken)
	return ok
}

// TestRecoveryIntoNextNamespace: a namespace is closed while a session is taken
// for a client that comes back to it. The session is given back, so the client
// gets it in the namespace that is made in the place of the closed one.
func TestRecoveryIntoNextNamespace(t *testing.T) {
	const id = "abcdefghijklmnopqrst"
	st := newStream()
	st.sessions["p"] = adapter.Session{ID: id, PID: "p", Rooms: []string{id}, Data: []byte("{}")}
	var srv *Server
	var closed atomic.Bool
	srv, err := New(Config{
		Loops: 1, ConnectionStateRecovery: &Recovery{}, Logger: slog.New(slog.DiscardHandler),
		Adapter: func(local adapter.Local) adapter.Adapter {
			return &takingReader{reader: reader{stream: st, local: local}, taken: func() {
				if !closed.Swap(true) {
					if err := srv.Of("/p").Close(); err != nil {
						t.Error(err)
					}
				}
			}}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	srv.OfPattern(regexp.MustCompile("^/p$"))
	if err := srv.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	answer, conn := returning(t, srv, "/p,", "p")
	defer conn.Close()
	if !closed.Load() || !strings.Contains(answer, id) {
		t.Errorf("closed: %v, the answer is %s", closed.Load(), answer)
	}
}
