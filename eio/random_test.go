package eio_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/loop/looptest"
)

// moody is an upper layer that pauses sessions at random.
type moody struct {
	rnd      *rand.Rand
	sessions map[string]*eio.Session
	got      map[string][]int
	ends     []string
	pausing  bool
}

func (u *moody) NewSession() *eio.Session { return new(eio.Session) }
func (u *moody) Opened(s *eio.Session)    { u.sessions[s.ID()] = s; s.Admit() }
func (u *moody) Message(s *eio.Session, data []byte, _ bool) {
	num, _, _ := bytes.Cut(data, []byte(":"))
	n, err := strconv.Atoi(string(num))
	if err != nil {
		panic(err)
	}
	u.got[s.ID()] = append(u.got[s.ID()], n)
	if u.pausing && u.rnd.IntN(10) == 0 {
		s.Pause()
	}
}
func (u *moody) Closed(s *eio.Session, r eio.Reason, err error) {
	u.ends = append(u.ends, fmt.Sprint(s.ID(), r, err))
}

// TestRandomClients has clients send over two loops, with little room for what
// is not complete, while the upper layer pauses their sessions, and in every
// second run some of them and of their connections end. All that the others
// send comes, in order, all is answered, none is closed, and nothing is left in
// the end.
func TestRandomClients(t *testing.T) {
	for seed := range 6 {
		kill := seed%2 == 1
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(uint64(seed), 7))
			lt := looptest.New(t, looptest.WithLoops(2))
			u := &moody{rnd: rnd, sessions: map[string]*eio.Session{}, got: map[string][]int{}, pausing: true}
			srv, err := eio.NewServer(eio.Config{Loops: 2, MaxReceiving: 60_000, MaxHTTPBufferSize: 1 << 20, Logger: slog.New(slog.DiscardHandler),
				PingInterval: 2 * time.Second, PingTimeout: 2 * time.Second}, u)
			if err != nil {
				t.Fatal(err)
			}
			lt.ConnectTo(0, srv.Accept)
			lt.ConnectTo(1, srv.Accept)
			lt.Run()
			var clients []*randomClient
			for range 12 {
				clients = append(clients, &randomClient{t: t, srv: srv, rnd: rnd, lt: lt})
			}
			var old []*looptest.Conn
			dead := 0
			const rounds = 1500
			for round := range rounds + 4000 {
				sending := round < rounds
				u.pausing = sending
				for _, c := range clients {
					if rnd.IntN(2) == 0 {
						c.step(sending)
						if rnd.IntN(2) == 0 {
							lt.Run()
						}
					}
				}
				if kill && rnd.IntN(15) == 0 {
					i := rnd.IntN(len(clients))
					c := clients[i]
					if s := u.sessions[c.sid]; s != nil {
						dead++
						how := rnd.IntN(4)
						switch how {
						case 0, 1:
							s.Loop().PostFunc(func() { s.Close(how == 0) })
						case 2:
							for _, k := range c.conns() {
								k.PeerClose()
							}
						}
						old = append(old, c.conns()...)
						delete(u.sessions, c.sid)
						clients[i] = &randomClient{t: t, srv: srv, rnd: rnd, lt: lt}
					}
				}
				lt.Advance(time.Duration(rnd.IntN(10)) * time.Millisecond)
				for _, c := range clients {
					if s := u.sessions[c.sid]; s != nil && s.Paused() && (!sending || rnd.IntN(10) == 0) {
						s.Loop().PostFunc(s.Resume)
					}
				}
				lt.Run()
				for _, e := range u.ends {
					for _, c := range clients {
						if c.sid != "" && strings.HasPrefix(e, c.sid) {
							t.Fatalf("round %d ends %v dead %d %+v up %d", round, e, dead, srv.ReceivingStats(), c.upgrading)
						}
					}
				}
				u.ends = nil
				if !sending {
					done := true
					for _, c := range clients {
						done = done && len(u.got[c.sid]) == c.next && !c.postBusy
					}
					if done {
						break
					}
				}
			}
			ups := 0
			for i, c := range clients {
				if c.upgrading == 3 {
					ups++
				}
				got := u.got[c.sid]
				for j, n := range got {
					if n != j {
						t.Fatalf("client %d: message %d is %d", i, j, n)
					}
				}
				if len(got) != c.next || c.postBusy {
					t.Errorf("client %d: %d of %d, post busy %v out %d wsout %d upgrading %d paused %v", i, len(got), c.next, c.postBusy, len(c.postOut), len(c.wsOut), c.upgrading, u.sessions[c.sid].Paused())
				}
			}
			for _, c := range clients {
				old = append(old, c.conns()...)
			}
			for _, k := range old {
				k.PeerClose()
			}
			lt.Advance(time.Hour)
			if st := srv.ReceivingStats(); st.Bytes != 0 || st.Connections != 0 || st.Waiting != 0 || srv.ClientsCount() != 0 {
				t.Errorf("left: %+v %d", st, srv.ClientsCount())
			}
			if n := lt.Stats().Connections; n != 0 {
				t.Errorf("%d connections left", n)
			}
			if n := lt.Alarms(); n != 0 {
				t.Errorf("%d alarms", n)
			}
			if n := lt.Stats().Panics; n != 0 {
				t.Errorf("%d panics", n)
			}
			if t.Failed() {
				t.Logf("%+v ups %d", srv.ReceivingStats(), ups)
			}
		})
	}
}
