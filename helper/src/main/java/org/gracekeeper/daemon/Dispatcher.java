// SPDX-License-Identifier: Apache-2.0
// Copyright The Gracekeeper authors
package org.gracekeeper.daemon;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.gracekeeper.model.ServiceName;
import org.gracekeeper.protocol.MalformedRequestException;
import org.gracekeeper.protocol.OcfCode;
import org.gracekeeper.protocol.OcfException;
import org.gracekeeper.protocol.Reply;
import org.gracekeeper.protocol.Reply.Level;
import org.gracekeeper.protocol.Request;
import org.gracekeeper.task.Deadline;
import org.gracekeeper.service.release.Outcome;
import org.gracekeeper.service.action.ServiceManager;
import org.gracekeeper.service.report.TimelineReport;
import org.gracekeeper.service.release.Unlock;

/** Turns a request into a call and its outcome into an answer. The only place that catches everything. Thread-safe. */
final class Dispatcher {
    private static final System.Logger LOG = System.getLogger(Dispatcher.class.getName());
    private static final String TIMEOUT = "OCF_RESKEY_CRM_meta_timeout";
    /** For a call by hand, which has no timeout of Pacemaker's. */
    private static final long DEFAULT_TIMEOUT_MILLIS = 120_000;
    /** The agent has to get the answer, and pass it on, before Pacemaker's time is over. */
    private static final double OWN_SHARE = 0.9;
    /** Of a stop the agent keeps 40 % for its emergency stop, which begins by killing this program. */
    private static final double STOP_SHARE = 0.55;

    /** Known from the beginning: after an update the jar that is there is not the one that runs. Classes alone have none. */
    private static final String VERSION =
            Objects.requireNonNullElse(Dispatcher.class.getPackage().getImplementationVersion(), "unknown");

    private static final String GRACE_USAGE = "usage: gracekeeper grace start|status|end SERVICE [--force]\n";

    private static final String TIMELINE_USAGE = "usage: gracekeeper timeline SERVICE [--svg|--json]\n";

    private static final String EXPIRE_USAGE = "usage: gracekeeper expire SERVICE CLIENT\n";
    /** Well within the 30 s after which the command line gives up: the answer says what is gone. */
    private static final Duration RELEASE_TIMEOUT = Duration.ofSeconds(18);

    private static final String UNLOCK_USAGE = "usage: gracekeeper unlock --ip ADDRESS | --path DIRECTORY [--dry-run]\n";

    private final Services services;
    private final Request.Environments environments;

    Dispatcher(Services services, Request.Environments environments) {
        this.services = services;
        this.environments = environments;
    }

    Reply answer(byte[] bytes) {
        try {
            Request request = Request.parse(bytes, environments);
            return request.origin() == Request.Origin.AGENT ? agent(request) : cli(request);
        } catch (MalformedRequestException e) {
            LOG.log(System.Logger.Level.WARNING, "malformed request: {0}", e.getMessage());
            return Reply.text(OcfCode.ARGS.number(), "malformed request: " + e.getMessage());
        }
    }

    private Reply agent(Request request) {
        Reply.AgentBuilder lines = new Reply.AgentBuilder();
        String resource = request.environment().get("OCF_RESOURCE_INSTANCE");
        ServiceManager.Call call = new ServiceManager.Call(
                resource, request.environment(), deadline(request), System.nanoTime(), (level, text) -> {
                    synchronized (lines) {
                        lines.line(level, text);
                    }
                    log(level, "service " + resource + ": " + request.verb() + ": " + text);
                });
        OcfCode code;
        try {
            code = act(request, call);
        } catch (OcfException e) {
            code = e.code();
            call.log().accept(Level.REASON, e.getMessage());
        } catch (IOException e) {
            code = OcfCode.GENERIC;
            call.log().accept(Level.REASON, request.verb() + " of service " + resource + ": " + e.getMessage());
        } catch (InterruptedException e) {
            // Not interrupted again: this thread still has to write the answer, and then it ends.
            code = OcfCode.GENERIC;
            call.log().accept(Level.REASON, request.verb() + " of service " + resource + " was interrupted");
        } catch (RuntimeException e) {
            LOG.log(System.Logger.Level.ERROR, "internal error", e);
            code = OcfCode.GENERIC;
            call.log().accept(Level.REASON, "internal error in " + request.verb() + " of service " + resource + ": " + e
                    + "; the journal of gracekeeperd has more");
        }
        synchronized (lines) {
            return lines.build(code);
        }
    }

    private OcfCode act(Request request, ServiceManager.Call call)
            throws OcfException, IOException, InterruptedException {
        ServiceManager manager = services.manager();
        boolean deep = checkLevel(request.environment()) >= 10;
        return switch (request.verb()) {
            case "start" -> manager.start(call);
            case "stop" -> manager.stop(call);
            case "monitor" -> manager.monitor(call, deep);
            case "validate-all" -> manager.validate(call, deep);
            case "reload-agent" -> manager.reload(call);
            default -> throw new OcfException(OcfCode.UNIMPLEMENTED, "action " + request.verb() + " is unknown");
        };
    }

    private Reply cli(Request request) {
        try {
            return switch (request.verb()) {
                case "ping" -> Reply.text(0, "pong");
                case "version" -> Reply.text(0, "gracekeeperd " + VERSION);
                case "status" -> status(request.arguments());
                case "clients" -> clients(request.arguments());
                case "expire" -> expire(request.arguments());
                case "grace" -> grace(request.arguments());
                case "unlock" -> unlock(request.arguments());
                case "timeline" -> timeline(request.arguments());
                default -> Reply.text(OcfCode.ARGS.number(), "unknown command " + request.verb());
            };
        } catch (OcfException e) {
            return Reply.text(e.code().number(), e.getMessage());
        } catch (IOException | RuntimeException e) {
            LOG.log(System.Logger.Level.WARNING, "command " + request.verb(), e);
            return Reply.text(OcfCode.GENERIC.number(), request.verb() + ": " + e.getMessage());
        } catch (InterruptedException e) {
            return Reply.text(OcfCode.GENERIC.number(), request.verb() + " was interrupted: the service or the helper"
                    + " is being stopped; 'journalctl -u gracekeeperd' has what was done by then");
        }
    }

    private Reply status(List<String> arguments) throws OcfException, IOException, InterruptedException {
        return report("status", arguments, services.report()::json, services.report()::text);
    }

    private Reply clients(List<String> arguments) throws OcfException, IOException, InterruptedException {
        return report("clients", arguments, services.clients()::json, services.clients()::text);
    }

    /** One form of a report, of one service or of all. */
    private interface Form {
        String of(Optional<ServiceName> only) throws IOException, InterruptedException;
    }

    private Reply report(String command, List<String> arguments, Form json, Form text)
            throws OcfException, IOException, InterruptedException {
        List<String> names = arguments.stream().filter(a -> !a.equals("--json")).toList();
        if (names.size() > 1 || names.stream().anyMatch(n -> n.startsWith("-"))) {
            return Reply.text(OcfCode.ARGS.number(), "usage: gracekeeper " + command + " [--json] [SERVICE]");
        }
        Optional<ServiceName> only = Optional.empty();
        if (!names.isEmpty()) {
            only = Optional.of(ServiceName.ofResource(names.get(0)));
            if (!services.manager().services().contains(only.get())) {
                return Reply.text(OcfCode.NOT_RUNNING.number(), "service " + names.get(0) + " does not run on this node");
            }
        }
        return Reply.text(0, (arguments.contains("--json") ? json : text).of(only));
    }

    private Reply expire(List<String> arguments) throws OcfException, IOException, InterruptedException {
        if (arguments.size() != 2 || arguments.stream().anyMatch(a -> a.isEmpty() || a.startsWith("-"))) {
            return Reply.text(OcfCode.ARGS.number(), EXPIRE_USAGE);
        }
        String name = arguments.get(0);
        ServiceManager.Call call = new ServiceManager.Call(name, Map.of(), Deadline.after(RELEASE_TIMEOUT), System.nanoTime(),
                (level, text) -> log(level, "service " + name + ": expire: " + text));
        return reply(services.manager().expire(call, arguments.get(1)));
    }

    private Reply unlock(List<String> arguments) throws OcfException, IOException, InterruptedException {
        List<String> words = arguments.stream().filter(a -> !a.equals("--dry-run")).toList();
        if (words.size() != 2 || arguments.size() > 3 || !List.of("--ip", "--path").contains(words.get(0))
                || words.get(1).isEmpty()) {
            return Reply.text(OcfCode.ARGS.number(), UNLOCK_USAGE);
        }
        String what = String.join(" ", words);
        Unlock.Call call = new Unlock.Call(arguments.contains("--dry-run"), Deadline.after(RELEASE_TIMEOUT),
                line -> log(Level.INFO, "unlock " + what + ": " + line));
        return reply(words.get(0).equals("--ip") ? services.unlock().address(words.get(1), call)
                : services.unlock().path(words.get(1), call));
    }

    private static Reply reply(Outcome outcome) {
        return Reply.text((outcome.complete() ? OcfCode.SUCCESS : OcfCode.GENERIC).number(), outcome.text());
    }

    private Reply timeline(List<String> arguments) throws OcfException, IOException {
        List<String> forms = arguments.stream().filter(a -> a.startsWith("-")).toList();
        List<String> names = arguments.stream().filter(a -> !a.startsWith("-")).toList();
        if (names.size() != 1 || forms.size() > 1 || !List.of("--svg", "--json").containsAll(forms)) {
            return Reply.text(OcfCode.ARGS.number(), TIMELINE_USAGE);
        }
        ServiceName name = ServiceName.ofResource(names.get(0));
        TimelineReport timelines = services.timelines();
        return Reply.text(0, forms.isEmpty() ? timelines.text(name)
                : forms.get(0).equals("--svg") ? timelines.svg(name) : timelines.json(name));
    }

    private Reply grace(List<String> arguments) throws OcfException, IOException, InterruptedException {
        boolean force = arguments.contains("--force");
        List<String> words = arguments.stream().filter(a -> !a.equals("--force")).toList();
        if (words.size() != 2 || words.stream().anyMatch(w -> w.startsWith("-"))) {
            return Reply.text(OcfCode.ARGS.number(), GRACE_USAGE);
        }
        String name = words.get(1);
        StringBuffer lines = new StringBuffer(); // a step that was left behind may still have something to say
        ServiceManager.Call call = new ServiceManager.Call(name, Map.of(),
                Deadline.after(Duration.ofMillis(DEFAULT_TIMEOUT_MILLIS)), System.nanoTime(), (level, text) -> {
                    lines.append(text).append('\n');
                    log(level, "service " + name + ": grace: " + text);
                });
        switch (words.get(0)) {
            case "status":
                return status(List.of(name));
            case "start":
                services.manager().startGrace(call);
                return Reply.text(0, lines.toString());
            case "end":
                return graceEnd(services.manager().endGrace(call, force), name);
            default:
                return Reply.text(OcfCode.ARGS.number(), GRACE_USAGE);
        }
    }

    private static Reply graceEnd(ServiceManager.GraceEnd end, String name) {
        if (!end.active()) {
            return Reply.text(0, "service " + name + " is not in grace\n");
        }
        StringBuilder text = new StringBuilder();
        end.missing().forEach(m -> text.append(m.protocol()).append(' ').append(m.client()).append(" has not reclaimed: ")
                .append(m.holds()).append('\n'));
        if (end.ended()) {
            return Reply.text(0, text + "grace of service " + name + " has ended\n");
        }
        return Reply.text(OcfCode.GENERIC.number(), text + "grace of service " + name + " goes on (" + end.state()
                + "): were it ended, whoever asks first would get locks that have not been reclaimed; end it all the same"
                + " with --force\n");
    }

    private static Deadline deadline(Request request) {
        String millis = request.environment().getOrDefault(TIMEOUT, "");
        long timeout = millis.matches("[1-9][0-9]{0,9}") ? Long.parseLong(millis) : DEFAULT_TIMEOUT_MILLIS;
        double share = request.verb().equals("stop") ? STOP_SHARE : OWN_SHARE;
        return Deadline.after(Duration.ofMillis((long) (timeout * share)));
    }

    private static int checkLevel(Map<String, String> environment) {
        String level = environment.getOrDefault("OCF_CHECK_LEVEL", "0");
        return level.matches("[0-9]{1,4}") ? Integer.parseInt(level) : 0;
    }

    private static void log(Level level, String text) {
        System.Logger.Level to = switch (level) {
            case REASON, ERR -> System.Logger.Level.ERROR;
            case WARN -> System.Logger.Level.WARNING;
            case INFO -> System.Logger.Level.INFO;
            case DEBUG -> System.Logger.Level.DEBUG;
        };
        LOG.log(to, text);
    }
}
