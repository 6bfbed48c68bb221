// Command scs serves Socket.IO to users that have a session of
// github.com/alexedwards/scs.
//
// POST /login?user=ada begins a session, which the browser's cookie names.
package main

import (
	"context"
	"log"
	"net/http"

	"github.com/alexedwards/scs/v2"

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
	sessions := scs.New()
	sio.OnAck(srv, "whoami", func(ctx context.Context, _ *sio.Socket, _ sio.None) (string, error) {
		return sessions.GetString(ctx, "user"), nil // the session as it was when the client connected
	})
	socket, err := srv.Handler()
	if err != nil {
		return nil, nil, err
	}

	mux := http.NewServeMux()
	mux.Handle("/socket.io/", requireUser(sessions, socket))
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		if err := sessions.RenewToken(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		sessions.Put(r.Context(), "user", r.FormValue("user")) // your program: check a password
	})
	return sessions.LoadAndSave(mux), srv, nil
}

// requireUser refuses requests without a user in their session.
func requireUser(sessions *scs.SessionManager, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if sessions.GetString(r.Context(), "user") == "" {
			http.Error(w, "log in", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}
