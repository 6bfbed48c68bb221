//go:build linux

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"time"

	"github.com/sioserver/sioserver/sio"
)

// headerTimeout is the time-out that every server of net/http should have. It
// also bounds a TLS handshake.
const headerTimeout = 10 * time.Second

// serveHTTP serves through net/http.
func serveHTTP(server *sio.Server, address string) error {
	handler, err := server.Handler()
	if err != nil {
		return err
	}
	outer := &http.Server{Addr: address, Handler: handler, ReadHeaderTimeout: headerTimeout}
	return outer.ListenAndServe()
}

// serveSecure serves through net/http, at the address without TLS, and by the
// listener with TLS, HTTP/1.1 and HTTP/2.
func serveSecure(server *sio.Server, address string, secure net.Listener) error {
	handler, err := server.Handler()
	if err != nil {
		return err
	}
	certificate, err := selfSigned()
	if err != nil {
		return err
	}
	outer := &http.Server{
		Addr: address, Handler: handler, ReadHeaderTimeout: headerTimeout,
		ErrorLog: log.New(io.Discard, "", 0), // handshakes that fail
		HTTP2:    &http.HTTP2Config{WriteByteTimeout: headerTimeout},
		// The first listener decides whether there is HTTP/2, and it has no
		// TLS.
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h2", "http/1.1"}},
	}
	ended := make(chan error, 2)
	go func() { ended <- outer.ServeTLS(secure, "", "") }()
	go func() { ended <- outer.ListenAndServe() }()
	return <-ended
}

// selfSigned makes a certificate for the life of this process.
func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(30 * 24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
