// Command jwt lets in clients that bring a JSON Web Token, and disconnects them
// when it expires, unless they have sent a new one before with the event
// "refresh".
//
// POST /login?user=ada answers with a token. A program sends it in the header
// Authorization, as io(url, { extraHeaders: { authorization: "Bearer …" } })
// does in Node. A browser sets no headers for WebSockets, so /login also sets a
// cookie.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"log"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/sio"
)

func main() {
	key := []byte(rand.Text()) // your program: one that outlives it
	router, _, err := newApp(key, time.Hour)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe("localhost:3000", router))
}

// newApp returns the routes of the application, and the Socket.IO server that
// is one of them.
func newApp(key []byte, lifetime time.Duration) (http.Handler, *sio.Server, error) {
	users := verifier{key}
	srv, err := sio.New(sio.Config{
		AllowRequest: func(r *http.Request) error {
			claims, err := users.verify(r.Header.Get("Authorization"), r.Header.Get("Cookie"))
			if err != nil {
				return &eio.HTTPError{Status: http.StatusUnauthorized, Message: err.Error()}
			}
			*r = *r.WithContext(context.WithValue(r.Context(), claimsKey{}, claims))
			return nil
		},
	})
	if err != nil {
		return nil, nil, err
	}
	srv.OnConnection(func(s *sio.Socket) {
		claims := claimsOf(s.Context())
		end := time.AfterFunc(time.Until(claims.ExpiresAt.Time), func() { s.Disconnect(true) })
		s.OnDisconnect(func(sio.Reason) { end.Stop() })
		sio.OnAck(s, "refresh", func(_ context.Context, _ *sio.Socket, token string) (expires int64, err error) {
			fresh, err := users.parse(token)
			if err != nil || fresh.Subject != claims.Subject {
				return 0, &sio.Error{Message: "the token is not valid", Code: "invalid_token"}
			}
			end.Reset(time.Until(fresh.ExpiresAt.Time))
			return fresh.ExpiresAt.Unix(), nil
		})
	})
	sio.OnAck(srv, "whoami", func(ctx context.Context, _ *sio.Socket, _ sio.None) (string, error) {
		return claimsOf(ctx).Subject, nil
	})
	socket, err := srv.Handler()
	if err != nil {
		return nil, nil, err
	}

	mux := http.NewServeMux()
	mux.Handle("/socket.io/", socket)
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		token, err := users.issue(r.FormValue("user"), lifetime) // your program: check a password
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		http.SetCookie(w, &http.Cookie{
			Name: cookieName, Value: token, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode,
		})
		_, _ = w.Write([]byte(token))
	})
	return mux, srv, nil
}

const cookieName = "token"

// claimsKey is the key of the claims in the context of a client's first
// request, and so of its sockets.
type claimsKey struct{}

func claimsOf(ctx context.Context) *jwt.RegisteredClaims {
	return ctx.Value(claimsKey{}).(*jwt.RegisteredClaims)
}

// verifier issues and verifies tokens with one key.
type verifier struct{ key []byte }

func (v verifier) issue(user string, lifetime time.Duration) (string, error) {
	return jwt.NewWithClaims(jwt.SigningMethodHS256, &jwt.RegisteredClaims{
		Subject:   user,
		ExpiresAt: jwt.NewNumericDate(time.Now().Add(lifetime)),
	}).SignedString(v.key)
}

// verify returns the claims of the token in one of two header fields.
func (v verifier) verify(authorization, cookie string) (*jwt.RegisteredClaims, error) {
	text, ok := strings.CutPrefix(authorization, "Bearer ")
	if !ok {
		r := http.Request{Header: http.Header{"Cookie": {cookie}}}
		c, err := r.Cookie(cookieName)
		if err != nil {
			return nil, errors.New("log in")
		}
		text = c.Value
	}
	return v.parse(text)
}

// parse returns the claims of a token.
func (v verifier) parse(text string) (*jwt.RegisteredClaims, error) {
	claims := new(jwt.RegisteredClaims)
	_, err := jwt.ParseWithClaims(text, claims, func(*jwt.Token) (any, error) { return v.key, nil },
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired())
	if err != nil {
		return nil, errors.New("the token is not valid")
	}
	return claims, nil
}
