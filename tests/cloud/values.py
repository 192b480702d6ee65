"""What the expressions of a translated template come to in one stack: Ref, Fn::GetAtt, Fn::If and the others."""
import re

ACCOUNT = "123456789012"
NOTHING = object()


class Values:
    """A stack's parameters, conditions, and the names and attributes of its resources."""

    def __init__(self, template, region, name, parameters):
        declared = template.get("Parameters", {})
        unknown = set(parameters) - set(declared)
        if unknown:
            raise AssertionError(f"the template has no parameters {sorted(unknown)}")
        defaults = {key: self.default(parameter) for key, parameter in declared.items() if "Default" in parameter}
        self.conditions = template.get("Conditions", {})
        self.known = {
            "AWS::AccountId": ACCOUNT, "AWS::NoValue": NOTHING, "AWS::Partition": "aws", "AWS::Region": region,
            "AWS::StackName": name, "AWS::URLSuffix": "amazonaws.com", **defaults, **parameters,
        }
        self.attributes = {}

    def default(self, parameter):
        value = parameter["Default"]
        return str(value).split(",") if parameter["Type"] == "CommaDelimitedList" else value

    def name(self, resource, name, **attributes):
        """Says what a resource is called, and what its attributes are."""
        self.known[resource] = name
        self.attributes[resource] = attributes

    def of(self, expression):
        """The value of an expression; what is NOTHING is left out of lists and objects."""
        if isinstance(expression, list):
            values = [self.of(item) for item in expression]
            return [value for value in values if value is not NOTHING]
        if not isinstance(expression, dict):
            return expression
        if len(expression) == 1:
            (kind, argument), = expression.items()
            if kind in INTRINSICS:
                return INTRINSICS[kind](self, argument)
        values = {key: self.of(value) for key, value in expression.items()}
        return {key: value for key, value in values.items() if value is not NOTHING}

    def holds(self, condition):
        return condition is None or self.of(self.conditions[condition])

    def attribute(self, path):
        resource, attribute = path
        return self.attributes[resource][attribute]

    def chosen(self, argument):
        condition, then, otherwise = argument
        return self.of(then if self.holds(condition) else otherwise)

    def equals(self, argument):
        left, right = (str(self.of(side)) for side in argument)
        return left == right

    def substituted(self, text):
        def value(match):
            name = match[1]
            return str(self.attribute(name.split(".", 1)) if "." in name else self.known[name])
        return re.sub(r"\$\{([\w:.]+)\}", value, text)


INTRINSICS = {
    "Ref": lambda values, name: values.known[name],
    "Fn::GetAtt": Values.attribute,
    "Fn::If": Values.chosen,
    "Fn::Equals": Values.equals,
    "Fn::Not": lambda values, argument: not values.of(argument[0]),
    "Fn::And": lambda values, argument: all(map(values.of, argument)),
    "Fn::Or": lambda values, argument: any(map(values.of, argument)),
    "Condition": Values.holds,
    "Fn::Join": lambda values, argument: argument[0].join(map(str, values.of(argument[1]))),
    "Fn::Split": lambda values, argument: values.of(argument[1]).split(argument[0]),
    "Fn::Select": lambda values, argument: values.of(argument[1])[int(argument[0])],
    "Fn::Sub": Values.substituted,
}
