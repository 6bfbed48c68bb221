//go:build linux

package peer

import (
	"errors"
	"fmt"
	"os/exec"
	"slices"
)

// Servers is what a scenario runs against: one server, or the two nodes of a
// cluster and the Redis that joins them. It belongs to one goroutine.
type Servers struct {
	Nodes []*Process
	Redis *Process // nil unless there are two nodes
}

// redis is a Redis of a cluster's own, which keeps nothing on disk.
var redis = &Peer{
	Name:    "redis-server",
	Command: []string{"redis-server", "--bind", "127.0.0.1", "--port", "{port}", "--save", "", "--appendonly", "no"},
}

// ErrNoRedis says that a cluster cannot be started on this machine.
var ErrNoRedis = errors.New("peer: there is no redis-server, which Debian has as a package of that name")

// FindRedis returns ErrNoRedis when there is no redis-server.
func FindRedis() error {
	if _, err := exec.LookPath(redis.Command[0]); err != nil {
		return ErrNoRedis
	}
	return nil
}

// Start runs the server, or for a peer of clusters a Redis and two nodes, all
// on the given cores, and waits until all of them accept connections.
// GOMAXPROCS is set to the number of cores, and for nodes REDIS_URL.
func (p *Peer) Start(cores []int) (*Servers, error) {
	s := &Servers{}
	if !p.Cluster {
		if err := s.add(p.start(cores)); err != nil {
			return nil, err
		}
		return s, nil
	}
	if err := FindRedis(); err != nil {
		return nil, err
	}
	var err error
	if s.Redis, err = redis.start(cores); err != nil {
		return nil, err
	}
	for range 2 {
		if err := s.add(p.start(cores, fmt.Sprintf("REDIS_URL=redis://%s", s.Redis.Addr))); err != nil {
			s.Stop()
			return nil, err
		}
	}
	return s, nil
}

// StartRedis starts a Redis alone, on the given cores.
func StartRedis(cores []int) (*Process, error) {
	if err := FindRedis(); err != nil {
		return nil, err
	}
	return redis.start(cores)
}

// StartNode starts one server of a cluster, which reaches its Redis at the
// host:port. args are added to its command line.
func (p *Peer) StartNode(cores []int, redisAddr string, args ...string) (*Process, error) {
	node := *p
	node.Command = append(slices.Clip(p.Command), args...)
	return node.start(cores, "REDIS_URL=redis://"+redisAddr)
}

func (s *Servers) add(node *Process, err error) error {
	if err == nil {
		s.Nodes = append(s.Nodes, node)
	}
	return err
}

// All are the nodes, and behind them Redis when there is one.
func (s *Servers) All() []*Process {
	if s.Redis == nil {
		return s.Nodes
	}
	return append(s.Nodes[:len(s.Nodes):len(s.Nodes)], s.Redis)
}

// Ended returns nil while all run, and then an error that says how the first of
// them ended.
func (s *Servers) Ended() error {
	for _, p := range s.All() {
		if err := p.Ended(); err != nil {
			return err
		}
	}
	return nil
}

// Stop ends all of them, as Process.Stop does.
func (s *Servers) Stop() {
	for _, p := range s.All() {
		p.Stop()
	}
}
