package main

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/sio"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster/redis"
)

// bus is an adapter for all namespaces.
type bus interface {
	Adapter(adapter.Local) adapter.Adapter
	Close() error
}

// adapters are the values of -adapter.
var adapters = map[string]func(o options, log *slog.Logger) (bus, error){
	"streams": func(o options, log *slog.Logger) (bus, error) {
		client, err := redis.NewClient(o.redis)
		if err != nil {
			return nil, err
		}
		return redis.NewStreams(client, redis.StreamsConfig{Logger: log})
	},
}

// adapterNames lists them for a person.
func adapterNames() string { return strings.Join(slices.Sorted(maps.Keys(adapters)), " or ") }

// membership is a server's part in a cluster; the zero value is of none.
type membership struct {
	log       *slog.Logger
	bus       bus
	directory *redis.Directory // nil without -advertise
}

// join makes cfg that of a member of the cluster that the flags ask for. It does
// not fail when Redis does not answer: the server serves its own clients, and joins
// when Redis is there.
func join(o options, log *slog.Logger, cfg *sio.Config) (*membership, error) {
	m := &membership{log: log}
	if o.redis == "" {
		return m, nil
	}
	redis.LogTo(log)
	var err error
	if m.bus, err = adapters[o.adapter](o, log); err != nil {
		return nil, fmt.Errorf("invalid value for flag -redis: %w", err)
	}
	cfg.Adapter = m.bus.Adapter
	if o.advertise == "" {
		return m, nil
	}
	client, err := redis.NewClient(o.redis)
	if err == nil {
		defer client.Close() // the directory has its own
		m.directory, err = redis.NewDirectory(client, redis.DirectoryConfig{Addr: o.advertise, Logger: log})
	}
	if err != nil {
		m.leave()
		return nil, err
	}
	cfg.Forwarding = &eio.Forwarding{Directory: m.directory}
	return m, nil
}

// leave ends the membership. The server must have ended.
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
}
