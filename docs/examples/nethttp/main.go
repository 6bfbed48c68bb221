// Command nethttp serves Socket.IO among the routes of an http.ServeMux.
package main

import (
	"context"
	"errors"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/sioserver/sioserver/sio"
)

func main() {
	router, srv, err := newApp()
	if err != nil {
		log.Fatal(err)
	}
	web := &http.Server{Addr: "localhost:3000", Handler: router, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		if err := web.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
			log.Fatal(err)
		}
	}()

	signaled, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	<-signaled.Done()
	stop() // a second signal ends the program at once
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	// http.Server.Shutdown waits for polls, which the server ends.
	if err := errors.Join(srv.Shutdown(ctx), web.Shutdown(ctx)); err != nil {
		log.Print(err)
	}
}

// newApp returns the routes of the application, and the Socket.IO server that
// is one of them.
func newApp() (http.Handler, *sio.Server, error) {
	srv, err := sio.New(sio.Config{})
	if err != nil {
		return nil, nil, err
	}
	sio.OnAck(srv, "greet", func(_ context.Context, s *sio.Socket, name string) (string, error) {
		return "hello " + name, nil
	})
	socket, err := srv.Handler()
	if err != nil {
		return nil, nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", socket)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("the application\n"))
	})
	return mux, srv, nil
}
