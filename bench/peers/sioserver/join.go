//go:build linux

package main

import (
	"fmt"

	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter"
)

// joined is one of this repository's ways to connect servers, and what it
// counts.
type joined struct {
	adapter func(adapter.Local) adapter.Adapter
	stats   func() any
}

// join makes the adapter that connects this server with others through a Redis.
// maxLen is how many entries a stream keeps, if not 0.
func join(by, address string, maxLen int64) (joined, error) {
	client, err := redisadapter.NewClient(address)
	if err != nil {
		return joined{}, err
	}
	switch by {
	case "pubsub":
		cluster, err := redisadapter.NewPubSub(client, redisadapter.PubSubConfig{})
		if err != nil {
			return joined{}, err
		}
		return joined{cluster.Adapter, func() any { return cluster.Stats() }}, nil
	case "sharded":
		cluster, err := redisadapter.NewSharded(client, redisadapter.ShardedConfig{})
		if err != nil {
			return joined{}, err
		}
		return joined{cluster.Adapter, func() any { return cluster.Stats() }}, nil
	case "streams":
		cluster, err := redisadapter.NewStreams(client, redisadapter.StreamsConfig{MaxLen: maxLen})
		if err != nil {
			return joined{}, err
		}
		return joined{cluster.Adapter, func() any { return cluster.Stats() }}, nil
	default:
		return joined{}, fmt.Errorf("there is no adapter %q", by)
	}
}
