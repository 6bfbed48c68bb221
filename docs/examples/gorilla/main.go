// Command gorilla serves Socket.IO to users that have a session of
// github.com/gorilla/sessions.
//
// POST /login?user=ada begins a session, which the browser keeps as a cookie.
package main

import (
	"context"
	"crypto/rand"
	"log"
	"net/http"

	"github.com/gorilla/sessions"

	"github.com/sioserver/sioserver/sio"
)

func main() {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // your program: one that outlives it
	router, _, err := newApp(sessions.NewCookieStore(key))
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe("localhost:3000", router))
}

// newApp returns the routes of the application, and the Socket.IO server that
// is one of them.
func newApp(store sessions.Store) (http.Handler, *sio.Server, error) {
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

	mux := http.NewServeMux()
	mux.Handle("/socket.io/", requireUser(store, socket))
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		session, _ := store.New(r, sessionName)      // an error means that the old one is not valid
		session.Values["user"] = r.FormValue("user") // your program: check a password
		if err := session.Save(r, w); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	return mux, srv, nil
}

const sessionName = "session"

// userKey is the key of the user's name in the context of a request, and so of
// the sockets.
type userKey struct{}

// requireUser refuses requests without a user in their session.
func requireUser(store sessions.Store, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session, err := store.Get(r, sessionName)
		if err != nil {
			http.Error(w, "log in", http.StatusUnauthorized)
			return
		}
		user, _ := session.Values["user"].(string)
		if user == "" {
			http.Error(w, "log in", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userKey{}, user)))
	})
}
