package main

import (
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/sioserver/sioserver/cmd/sioserver/settings"
	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/sio"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter"
)

// bus makes the adapters of all namespaces.
type bus interface {
	Adapter(adapter.Local) adapter.Adapter
	Close() error
}

// membership is what a server holds as a member of a cluster. The zero value is
// of a server that is in none.
type membership struct {
	log       *slog.Logger
	client    io.Closer // the connection to Redis; bus and directory use its options
	bus       bus
	directory *redisadapter.Directory // nil without -advertise
	stats     func() any              // of the bus
}

// figures returns functions that return the figures of the membership's parts.
func (m *membership) figures() map[string]func() any {
	all := map[string]func() any{}
	if m.bus != nil {
		all["redis"] = m.stats
	}
	if m.directory != nil {
		all["directory"] = func() any { return m.directory.Stats() }
	}
	return all
}

// join configures cfg as the flags ask for. It does not fail when Redis does
// not answer: the server serves its own clients, and joins the cluster once
// Redis answers.
func join(o settings.Settings, log *slog.Logger, cfg *sio.Config) (*membership, error) {
	m := &membership{log: log}
	if o.Redis == "" {
		return m, nil
	}
	redisadapter.LogTo(log)
	client, err := redisadapter.NewClient(o.Redis)
	if err != nil {
		return nil, invalidRedis(err)
	}
	m.client = client
	switch o.Adapter {
	case "pubsub":
		var bus *redisadapter.PubSub
		bus, err = redisadapter.NewPubSub(client, redisadapter.PubSubConfig{Logger: log})
		m.bus, m.stats = bus, func() any { return bus.Stats() }
	case "sharded":
		var bus *redisadapter.Sharded
		bus, err = redisadapter.NewSharded(client, redisadapter.ShardedConfig{Logger: log})
		m.bus, m.stats = bus, func() any { return bus.Stats() }
	default:
		var bus *redisadapter.Streams
		bus, err = redisadapter.NewStreams(client, redisadapter.StreamsConfig{Logger: log})
		m.bus, m.stats = bus, func() any { return bus.Stats() }
	}
	if err != nil {
		_ = client.Close()
		return nil, err
	}
	cfg.Adapter = m.bus.Adapter
	if o.Advertise == "" {
		return m, nil
	}
	m.directory, err = redisadapter.NewDirectory(client, redisadapter.DirectoryConfig{Addr: o.Advertise, Logger: log})
	if err != nil {
		m.leave()
		return nil, err
	}
	cfg.Forwarding = &eio.Forwarding{Directory: m.directory}
	return m, nil
}

// invalidRedis is the error of an address that is none.
func invalidRedis(err error) error {
	return fmt.Errorf("invalid value for flag -redis: %s", strings.TrimPrefix(err.Error(), "redisadapter: "))
}

// checkRedis checks the address of a Redis without connecting to it.
func checkRedis(address string) error {
	if address == "" {
		return nil
	}
	client, err := redisadapter.NewClient(address)
	if err != nil {
		return invalidRedis(err)
	}
	return client.Close()
}

// leave ends the membership. The server must have ended before.
func (m *membership) leave() {
	if m.bus != nil {
		if err := m.bus.Close(); err != nil {
			m.log.Warn("leaving the cluster", "error", err)
		}
	}
	if m.directory != nil {
		if err := m.directory.Close(); err != nil {
			m.log.Warn("leaving the list of nodes", "error", err)
		}
	}
	if m.client != nil {
		m.client.Close()
	}
}
