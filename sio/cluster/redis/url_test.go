package redis_test

import (
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/sio/cluster/redis"
)

func TestNewClient(t *testing.T) {
	client, err := redis.NewClient("redis://me:secret@127.0.0.1:7001/3")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	single, ok := client.(*goredis.Client)
	if !ok {
		t.Fatalf("%T, want a client of one Redis", client)
	}
	if o := single.Options(); o.Addr != "127.0.0.1:7001" || o.DB != 3 || o.Username != "me" || o.Password != "secret" {
		t.Errorf("%+v", o)
	}
	client, err = redis.NewClient("redis://127.0.0.1:7001?addr=127.0.0.1:7002")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	cluster, ok := client.(*goredis.ClusterClient)
	if !ok || len(cluster.Options().Addrs) != 2 {
		t.Errorf("%T, want a client of a cluster with two addresses", client)
	}
}

func TestNewClientRefuses(t *testing.T) {
	for address, want := range map[string]string{
		"http://:secret@127.0.0.1:7001":                  "scheme",
		"127.0.0.1:7001":                                 "URL",
		"redis://:secret@127.0.0.1/x":                    "database",
		"redis://:secret@127.0.0.1?colour=red":           "colour",
		"redis://:secret@127.0.0.1?addr=h:1&colour=red":  "colour",
		"redis://:secret@127.0.0.1:port":                 "port",
		"redis://:secret@127.0.0.1:7001/0?protocol=many": "protocol",
	} {
		client, err := redis.NewClient(address)
		if err == nil {
			client.Close()
			t.Errorf("%q is accepted", address)
			continue
		}
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", address, err)
		}
	}
}
