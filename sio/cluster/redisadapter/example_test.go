package redisadapter_test

import (
	"context"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/sio"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter"
)

// One server of a cluster whose clients may come back to any other, and whose
// load balancer need not keep clients at one.
func ExampleNewStreams() {
	redisadapter.LogTo(slog.Default())
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:6379"})
	defer client.Close()
	streams, err := redisadapter.NewStreams(client, redisadapter.StreamsConfig{})
	if err != nil {
		log.Fatal(err)
	}
	defer streams.Close()
	directory, err := redisadapter.NewDirectory(client, redisadapter.DirectoryConfig{Addr: "10.0.0.1:3000"})
	if err != nil {
		log.Fatal(err)
	}
	defer directory.Close()
	srv, err := sio.New(sio.Config{
		Adapter:                 streams.Adapter,
		ConnectionStateRecovery: &sio.Recovery{},
		Forwarding:              &eio.Forwarding{Directory: directory},
	})
	if err != nil {
		log.Fatal(err)
	}
	srv.OnConnection(func(s *sio.Socket) {
		s.Join("lobby")
		s.To("lobby").Emit("joined", s.ID()) // on all servers
	})
	if err := srv.Listen(":3000"); err != nil {
		log.Fatal(err)
	}

	signaled, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	<-signaled.Done()
	stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil { // then what is deferred
		log.Print(err)
	}
}
