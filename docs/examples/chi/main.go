// Command chi serves Socket.IO among the routes of a chi router.
package main

import (
	"context"
	"log"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

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
	srv, err := sio.New(sio.Config{})
	if err != nil {
		return nil, nil, err
	}
	sio.OnAck(srv, "whoami", func(ctx context.Context, _ *sio.Socket, _ sio.None) (string, error) {
		return ctx.Value(userKey{}).(string), nil
	})
	socket, err := srv.Handler()
	if err != nil {
		return nil, nil, err
	}

	router := chi.NewRouter()
	router.Use(middleware.RequestID, middleware.Logger, middleware.Recoverer)
	router.With(authenticate).Handle("/socket.io/*", socket)
	router.Group(func(api chi.Router) {
		api.Use(middleware.Timeout(10 * time.Second)) // not around Socket.IO: it would cut polls
		api.Get("/", func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte("the application\n"))
		})
	})
	return router, srv, nil
}

// userKey is the key of the user's name in the context of a request, and so of
// the sockets.
type userKey struct{}

// authenticate lets known users in.
func authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, ok := r.BasicAuth()
		if !ok || password != "secret" {
			w.Header().Set("WWW-Authenticate", `Basic realm="example"`)
			http.Error(w, "log in", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userKey{}, user)))
	})
}
