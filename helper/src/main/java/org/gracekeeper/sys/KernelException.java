// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.sys;

import java.io.IOException;

/**
 * A system call that failed: which call, on which object, with which errno, and where known what an administrator can
 * do about it. The message reads {@code call object: strerror(errno)}.
 */
public final class KernelException extends IOException {
    private static final long serialVersionUID = 1L;

    private final String call;
    private final String object;
    private final int errno;
    private final String remedy;

    /**
     * @param call   the system call, e.g. {@code mount}
     * @param object what it was called on, e.g. a path
     * @param errno  the error number, see {@link Errno}
     * @param text   strerror(errno)
     */
    public KernelException(String call, String object, int errno, String text) {
        this(call, object, errno, text, "");
    }

    private KernelException(String call, String object, int errno, String text, String remedy) {
        super(call + " " + object + ": " + text);
        this.call = call;
        this.object = object;
        this.errno = errno;
        this.remedy = remedy;
    }

    /** For fakes and for conditions found without a call of libc: the text is the errno's symbolic name. */
    public static KernelException of(String call, String object, int errno) {
        return new KernelException(call, object, errno, Errno.name(errno));
    }

    /** The same failure with advice for the administrator; the original becomes the cause. */
    public KernelException withRemedy(String advice) {
        String text = getMessage().substring(call.length() + object.length() + 3);
        KernelException e = new KernelException(call, object, errno, text, advice);
        e.initCause(this);
        return e;
    }

    public String call() {
        return call;
    }

    public String object() {
        return object;
    }

    /** The error number, taken together with the call. */
    public int errno() {
        return errno;
    }

    /** One sentence for the administrator, or an empty string. */
    public String remedy() {
        return remedy;
    }
}
