package main

import (
	"fmt"

	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster/redis"
)

// joined is one of this repository's ways to connect servers.
type joined interface {
	Adapter(adapter.Local) adapter.Adapter
}

// join makes the adapter that connects this server with others through a Redis.
func join(by, address string) (func(adapter.Local) adapter.Adapter, error) {
	client, err := redis.NewClient(address)
	if err != nil {
		return nil, err
	}
	var cluster joined
	switch by {
	case "pubsub":
		cluster, err = redis.NewPubSub(client, redis.PubSubConfig{})
	case "sharded":
		cluster, err = redis.NewSharded(client, redis.ShardedConfig{})
	case "streams":
		cluster, err = redis.NewStreams(client, redis.StreamsConfig{})
	default:
		err = fmt.Errorf("there is no adapter %q", by)
	}
	if err != nil {
		return nil, err
	}
	return cluster.Adapter, nil
}
