//go:build linux

package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sioserver/sioserver/bench/load"
	"github.com/sioserver/sioserver/bench/peer"
	"github.com/sioserver/sioserver/bench/result"
	"github.com/sioserver/sioserver/bench/scenario"
)

const (
	stall = 20 * time.Second       // without any event while some are due, a run fails
	turn  = 20 * time.Millisecond  // longest time between two checks of the context and the server
	quiet = 200 * time.Millisecond // in which no further message may come when all have
)

// Progress is called with what a run is doing; done and total count clients,
// messages or milliseconds.
type Progress func(what string, done, total int)

// Run carries out the profile against the servers. The record holds what was
// measured until then when err is not nil.
func Run(ctx context.Context, p *scenario.Profile, servers *peer.Servers, progress Progress) (result.Record, error) {
	first := servers.Nodes[0]
	record := result.Record{
		Type: result.Run, Profile: p.Name, Title: p.Title, Kind: string(p.Kind), Transport: string(p.Transport),
		Peer: first.Peer.Name, Label: first.Peer.Label, Figures: map[string]float64{},
	}
	s := &session{ctx: ctx, profile: p, servers: servers, proc: first, progress: progress, record: &record}
	config := load.Config{Events: s, Deflate: p.Deflate}
	for _, node := range servers.Nodes {
		config.Addrs = append(config.Addrs, node.Addr)
	}
	var err error
	if s.gen, err = load.New(config); err != nil {
		return record, err
	}
	defer s.gen.Close()
	switch p.Kind {
	case scenario.Idle:
		err = s.idle()
	case scenario.Waves:
		err = s.waves()
	case scenario.Broadcast:
		err = s.fanOut(1)
	case scenario.Rooms:
		err = s.fanOut(p.Rooms)
	case scenario.Echo:
		err = s.echo()
	case scenario.Latency:
		err = s.latency()
	case scenario.Storm:
		err = s.storm()
	case scenario.Cluster:
		err = s.fanOut(max(p.Rooms, 1))
	case scenario.Attack:
		err = s.attack()
	case scenario.Flood:
		err = s.flood()
	case scenario.Soak:
		err = s.soak()
	default:
		err = fmt.Errorf("run: unknown kind %q", p.Kind)
	}
	return record, err
}

// session is one run. It receives the events of its clients.
type session struct {
	ctx      context.Context
	profile  *scenario.Profile
	servers  *peer.Servers
	proc     *peer.Process // the first node, which is the only one unless the kind is Cluster
	progress Progress
	record   *result.Record
	gen      *load.Generator

	clients  []*load.Client // by Index
	opened   int
	activity uint64 // counts events, to notice a stall
	failure  error

	onOpened func(c *load.Client)
	onPacket func(c *load.Client, packet []byte)
	onBinary func(c *load.Client, data []byte)
	onClosed func(c *load.Client, err error)
	onTurn   func() error // called in every turn of the loop, when set
}

// Opened is called by the generator.
func (s *session) Opened(c *load.Client) {
	s.opened++
	s.activity++
	if s.onOpened != nil {
		s.onOpened(c)
	}
}

// Packet is called by the generator.
func (s *session) Packet(c *load.Client, packet []byte) {
	s.activity++
	if s.onPacket == nil {
		s.fail(fmt.Errorf("client %d got a packet that nothing asked for: %.100q", c.Index, packet))
		return
	}
	s.onPacket(c, packet)
}

// Attachment is called by the generator.
func (s *session) Attachment(c *load.Client, data []byte) {
	s.activity++
	if s.onBinary == nil {
		s.fail(fmt.Errorf("client %d got a binary message of %d bytes that nothing asked for", c.Index, len(data)))
		return
	}
	s.onBinary(c, data)
}

// Closed is called by the generator.
func (s *session) Closed(c *load.Client, err error) {
	if s.onClosed != nil {
		s.onClosed(c, err)
		return
	}
	s.fail(fmt.Errorf("client %d of %d: %w", c.Index, len(s.clients), err))
}

// fail ends the run; the first reason is kept.
func (s *session) fail(err error) {
	if s.failure == nil {
		s.failure = err
	}
}

// await polls until done returns true. It fails when a client or a server does,
// when nothing happens for long, and when the run is interrupted.
func (s *session) await(what string, done func() bool) error {
	last, since := s.activity, time.Now()
	for !done() {
		if err := s.poll(turn); err != nil {
			return err
		}
		if s.activity != last {
			last, since = s.activity, time.Now()
			continue
		}
		if err := s.servers.Ended(); err != nil {
			return err
		}
		if time.Since(since) > stall {
			return fmt.Errorf("nothing happened for %s while waiting for %s", stall, what)
		}
	}
	return nil
}

// rest keeps the clients alive for a while.
func (s *session) rest(d time.Duration) error {
	for end := time.Now().Add(d); ; {
		left := time.Until(end)
		if left <= 0 {
			return nil
		}
		if err := s.poll(min(left, turn)); err != nil {
			return err
		}
	}
}

func (s *session) poll(timeout time.Duration) error {
	if err := s.gen.Poll(timeout); err != nil {
		return err
	}
	if s.failure != nil {
		return s.explain(s.failure)
	}
	if err := s.ctx.Err(); err != nil {
		return context.Cause(s.ctx)
	}
	if s.onTurn != nil {
		return s.onTurn()
	}
	return nil
}

// explain prefers a server's end as the reason of a failure: what clients then
// see only follows from it.
func (s *session) explain(err error) error {
	for end := time.Now().Add(quiet); time.Now().Before(end); time.Sleep(quiet / 20) {
		if ended := s.servers.Ended(); ended != nil {
			return ended
		}
	}
	return err
}

// connect brings the number of open clients up to n.
func (s *session) connect(n int) error {
	base := s.opened - len(s.clients)
	ready := func() int { return s.opened - base }
	if n > load.DescriptorLimit()-100 {
		return fmt.Errorf("%d clients need more descriptors than this process may have (%d, see ulimit -Hn)", n, load.DescriptorLimit())
	}
	return s.await("clients to connect", func() bool {
		for len(s.clients) < n && len(s.clients)-ready() < s.profile.Concurrency {
			if err := s.dial(); err != nil {
				s.fail(err)
				return false
			}
		}
		s.progress("clients", ready(), n)
		return ready() == n
	})
}

func (s *session) dial() error {
	c, err := s.gen.Dial(s.transport(len(s.clients)), s.node(len(s.clients)))
	if err != nil {
		return err
	}
	c.Index = len(s.clients)
	s.clients = append(s.clients, c)
	return nil
}

// transport spreads the clients that stay on polling evenly among all.
func (s *session) transport(index int) load.Transport {
	switch s.profile.Transport {
	case scenario.Polling:
		return load.Polling
	case scenario.Upgrade:
		share := s.profile.StayPolling
		if int(float64(index+1)*share) > int(float64(index)*share) {
			return load.Polling
		}
		return load.Upgrade
	default:
		return load.WebSocket
	}
}

// drop closes clients, the newest first, until n are left.
func (s *session) drop(n int) {
	for _, c := range s.clients[n:] {
		c.Close()
	}
	s.opened -= len(s.clients) - n
	s.clients = s.clients[:n]
}

var errInterrupted = errors.New("interrupted")

// Interrupted is the cause to cancel a run's context with, and the error that
// it then ends with.
func Interrupted() error { return errInterrupted }
