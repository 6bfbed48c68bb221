// Command subpath serves a site below /app/, and Socket.IO at /app/socket.io/.
//
// A client connects with io("https://example.com", { path: "/app/socket.io/" }).
package main

import (
	"context"
	"log"
	"net/http"

	"github.com/sioserver/sioserver/sio"
)

func main() {
	router, _, err := newApp()
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe("localhost:3000", router))
}

// newApp returns the routes of the application, and the Socket.IO server that
// is one of them.
func newApp() (http.Handler, *sio.Server, error) {
	// Path is what clients send: http.StripPrefix changes URL.Path alone, and
	// the server reads RequestURI.
	srv, err := sio.New(sio.Config{Path: "/app/socket.io/"})
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

	app := http.NewServeMux()
	app.Handle("/socket.io/", socket)
	app.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("the application\n"))
	})
	site := http.NewServeMux()
	site.Handle("/app/", http.StripPrefix("/app", app))
	return site, srv, nil
}
