package redisadapter_test

import (
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/sio/cluster/redisadapter"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest"
)

func TestNewClient(t *testing.T) {
	client, err := redisadapter.NewClient("redis://me:secret@127.0.0.1:7001/3")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	single, ok := client.(*redis.Client)
	if !ok {
		t.Fatalf("%T, want a client of one Redis", client)
	}
	if o := single.Options(); o.Addr != "127.0.0.1:7001" || o.DB != 3 || o.Username != "me" || o.Password != "secret" {
		t.Errorf("%+v", o)
	}
	client, err = redisadapter.NewClient("redis://127.0.0.1:7001?addr=127.0.0.1:7002")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	cluster, ok := client.(*redis.ClusterClient)
	if !ok || len(cluster.Options().Addrs) != 2 {
		t.Errorf("%T, want a client of a cluster with two addresses", client)
	}
}

// TestNewClientOfSentinels reaches the master through the Sentinel.
func TestNewClientOfSentinels(t *testing.T) {
	s := redistest.StartSentinel(t)
	client, err := redisadapter.NewClient("redis://127.0.0.1:1/3?master_name=" + redistest.MasterName + "&addr=" + s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if keyspace := s.Master.Client.Info(t.Context(), "keyspace").Val(); !strings.Contains(keyspace, "db3:keys=1") {
		t.Errorf("the key is not in the master's database 3: %s", keyspace)
	}
}

func TestNewClientRefuses(t *testing.T) {
	for address, want := range map[string]string{
		"http://:secret@127.0.0.1:7001":                  "scheme",
		"127.0.0.1:7001":                                 "must be like redis://host:port",
		"redis://:secret@127.0.0.1/x":                    "database",
		"redis://:secret@127.0.0.1?colour=red":           "colour",
		"redis://:secret@127.0.0.1?addr=h:1&colour=red":  "colour",
		"redis://:secret@127.0.0.1:port":                 "port",
		"redis://:secret@127.0.0.1:7001/0?protocol=many": "protocol",
		"redis://:secret@h?master_name=":                 "master_name is empty",
		"redis://h?master_name=m&password=secret&db=x":   "database",
		"redis://h?master_name=m&replica_only=true":      "replica_only",
		"redis://h?master_name=m&route_randomly=true":    "route_randomly",
		"unix:///h?master_name=m":                        "scheme",
	} {
		client, err := redisadapter.NewClient(address)
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
