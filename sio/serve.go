package sio

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"github.com/sioserver/sioserver/loop"
)

// Serve accepts connections on l, which it closes in the end, and serves them.
// It may be called several times, and beside Listen and Handler. It returns
// [ErrServerClosed] as soon as Shutdown has closed l or when Close is called,
// and otherwise the error of l: net.ErrClosed if that was closed, while clients
// that are connected are still served. If Accept fails for lack of descriptors
// or memory, or with a temporary error, it is called again after a pause, as
// net/http does, and [Stats].Loop.AcceptFailures counts it.
//
// A connection of a *net.TCPListener or *net.UnixListener, also one that
// systemd has passed on, costs what one of Listen costs. Connections of other
// listeners, such as tls.NewListener, or those of the PROXY protocol, of cmux
// and of netutil.LimitListener, are driven by goroutines: see
// loop.Engine.AdoptWith for the price. A goroutine for each of Config.Loops
// calls l's methods at the same time.
//
// The clients of a unix socket have no address: [Handshake].Address is [::]:0,
// and Config.TrustedProxies must have ::/128 to trust the proxy in front.
func (srv *Server) Serve(l net.Listener) error {
	if l == nil {
		return errors.New("sio: Serve: the listener is nil")
	}
	engine, err := srv.running()
	if err != nil {
		_ = l.Close()
		return err
	}
	if err := engine.Serve(l, srv.eio.AcceptListened); err != loop.ErrShutdown {
		return err
	}
	return ErrServerClosed
}

// ServeTLS is Serve with TLS, as [Config].TLS describes it, whose other settings
// it uses. certFile has the certificate, followed by those of its issuers, and
// keyFile its key, in PEM. They are read again when they have changed: see
// [Certificates]. If both are "", the certificate is that of Config.TLS. l's
// connections are plain; those of a *net.TCPListener or *net.UnixListener cost
// what those of Listen with Config.TLS do.
func (srv *Server) ServeTLS(l net.Listener, certFile, keyFile string) error {
	if l == nil {
		return errors.New("sio: ServeTLS: the listener is nil")
	}
	secure, err := srv.secure(certFile, keyFile)
	if err != nil {
		_ = l.Close()
		return fmt.Errorf("sio: ServeTLS: %w", err)
	}
	engine, err := srv.running()
	if err != nil {
		_ = l.Close()
		return err
	}
	if err := engine.ServeTLS(l, secure, srv.eio.AcceptListened); err != loop.ErrShutdown {
		return err
	}
	return ErrServerClosed
}

// secure is Config.TLS with the certificate in the files, if there are any.
func (srv *Server) secure(certFile, keyFile string) (*loop.TLS, error) {
	config := srv.cfg.TLS
	if certFile != "" || keyFile != "" {
		certificates, err := LoadCertificates(certFile, keyFile, func(err error) {
			srv.cfg.Logger.Error("sio: the certificate that was read before stays in use", "error", err)
		})
		if err != nil {
			return nil, err
		}
		if config = config.Clone(); config == nil {
			config = new(tls.Config)
		}
		config.Certificates, config.GetCertificate = nil, certificates.Get
	}
	return loop.NewTLS(config)
}

// ListenAndServeTLS is ListenAndServe with TLS: see ServeTLS.
func (srv *Server) ListenAndServeTLS(addr, certFile, keyFile string) error {
	if srv.leaving.Load() {
		return ErrServerClosed
	}
	l, err := loop.Bind(addr, srv.cfg.SocketMode)
	if err != nil {
		return err
	}
	if err := srv.ServeTLS(l, certFile, keyFile); err != ErrServerClosed {
		return err
	}
	return srv.Wait()
}

// running returns the loops, and starts them if they don't run yet.
func (srv *Server) running() (*loop.Engine, error) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	switch {
	case srv.leaving.Load():
		return nil, ErrServerClosed
	case srv.host != nil:
		return nil, ErrListening
	case srv.engine == nil:
		engine, err := loop.Start(srv.loopConfig(""))
		if err != nil {
			return nil, err
		}
		srv.runOn(engine)
	}
	return srv.engine, nil
}

// Wait waits for the end of the server, whoever ends it, and returns
// [ErrServerClosed] then, or the reason if the loops have failed. It returns
// [ErrNotListening] at once if neither Listen, Serve nor Handler was called.
func (srv *Server) Wait() error {
	srv.mu.Lock()
	engine := srv.engine
	srv.mu.Unlock()
	if engine == nil {
		return ErrNotListening
	}
	select {
	case <-srv.done:
	case <-engine.Done():
		if err := engine.Err(); err != nil {
			return err
		}
		<-srv.done // a Shutdown is under way
	}
	return ErrServerClosed
}
